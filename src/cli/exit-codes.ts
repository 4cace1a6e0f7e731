import type { RunResult } from '../client.ts';

/** The exit codes of commands; they are stable. */
export const exitCodes = {
  provisioned: 0,
  failed: 1,
  usage: 2,
  parked: 3,
  aborted: 4,
  unreachable: 5,
  drifted: 6,
  /** The code that shells report for a command ended by Ctrl-C. */
  interrupted: 130,
} as const;

export type ExitName = keyof typeof exitCodes;
export type ExitCode = (typeof exitCodes)[ExitName];

/** The meaning of each code; a command's manual may be more specific. */
export const exitTexts: Readonly<Record<ExitName, string>> = {
  provisioned: 'done',
  failed: 'it failed',
  usage: 'wrong usage, a bad plan, no such run, or an action that the run refused',
  parked: 'parked: a step needs attention',
  aborted: 'the run was aborted',
  unreachable: 'no Temporal server answers, or it went away',
  drifted: 'the host has drifted from the plan',
  interrupted: 'interrupted by Ctrl-C; a run continues',
};

/** The codes that every command may exit with. */
export const EVERY_COMMAND = ['provisioned', 'failed', 'usage', 'interrupted'] as const;

export function exitCodeOf(result: RunResult): ExitCode {
  switch (result.outcome) {
    case 'provisioned':
    case 'already-provisioned':
    case 'incomplete':
      return exitCodes.provisioned;
    case 'failed':
      return exitCodes.failed;
    case 'aborted':
      return exitCodes.aborted;
  }
}

/** From the worst to the best. */
const WORST_FIRST: readonly ExitCode[] = [
  exitCodes.interrupted,
  exitCodes.unreachable,
  exitCodes.usage,
  exitCodes.failed,
  exitCodes.aborted,
  exitCodes.parked,
  exitCodes.drifted,
  exitCodes.provisioned,
];

/** The exit code of a command that worked on several runs or hosts. */
export function worstOf(codes: readonly ExitCode[]): ExitCode {
  return WORST_FIRST.find((code) => codes.includes(code)) ?? exitCodes.provisioned;
}

export function nameOfExitCode(code: ExitCode): ExitName {
  return (Object.keys(exitCodes) as ExitName[]).find((name) => exitCodes[name] === code) ?? 'failed';
}
