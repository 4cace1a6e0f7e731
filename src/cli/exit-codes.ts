import type { RunResult } from '../client.ts';

/** What the exit code of a command says. */
export const exitCodes = {
  provisioned: 0,
  failed: 1,
  usage: 2,
  parked: 3,
  aborted: 4,
  unreachable: 5,
  /** As a shell reports a command that Ctrl-C ended. */
  interrupted: 130,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

export function exitCodeOf(result: RunResult): ExitCode {
  switch (result.outcome) {
    case 'provisioned':
    case 'already-provisioned':
      return exitCodes.provisioned;
    case 'failed':
      return exitCodes.failed;
    case 'aborted':
      return exitCodes.aborted;
  }
}

export const EXIT_CODE_HELP = `
Exit codes:
  0  provisioned, or done        3  parked: a step waits for a person
  1  failed                      4  aborted
  2  wrong usage or bad plan     5  no Temporal server answers
  130  interrupted by Ctrl-C; a run goes on

CHANDLER_DEBUG=1 shows stack traces.`;
