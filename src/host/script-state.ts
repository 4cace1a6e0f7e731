import { isFailureCode, type FailureCode } from '../domain/run/failure.ts';
import type { Answer } from '../ssh/frames.ts';
import { decodeText, requireAnswer, readPath } from './read-answer.ts';

/** The state of a host's self-provisioning script. */
export interface ScriptState {
  /** The owner of its launches. */
  readonly owner: string;
  /** Digest of the plan's work, 64 hex digits. */
  readonly digest: string;
  /** Whether it runs now. */
  readonly alive: boolean;
  /**
   * A phase of a run, as the script recorded it; or `left`: a workflow continues its work; or `stopped`: it was ended on request.
   */
  readonly phase: string;
  /** Why it failed, with `phase: failed`. */
  readonly failure?: { readonly code: FailureCode; readonly text: string };
  readonly sentinelPath: string;
  /** Empty if it writes no log. */
  readonly logPath: string;
  /** The zmx that it uses; empty until it has one. */
  readonly zmxPath: string;
  /** Outcomes of parts by `step.NAME` and `finalizer.NAME`: succeeded, satisfied, unchanged, failed, blocked. */
  readonly outcomes: Readonly<Record<string, string>>;
}

/** Reads the answer of `script_read` in the host program; undefined if the host has no script. */
export function parseScriptState(answers: readonly Answer[]): ScriptState | undefined {
  const answer = requireAnswer(answers, 'script', 'script');
  if (answer['script'] !== 'present') return undefined;
  const code = answer['code'];
  return {
    owner: answer['owner'] ?? '',
    digest: answer['digest'] ?? '',
    alive: answer['alive'] === 'yes',
    phase: answer['phase'] ?? '',
    ...(isFailureCode(code) && { failure: { code, text: decodeText(answer['text']) } }),
    sentinelPath: readPath(answer, 'sentinel'),
    logPath: answer['log'] === '' ? '' : readPath(answer, 'log'),
    zmxPath: answer['zmx'] === '' ? '' : readPath(answer, 'zmx'),
    outcomes: Object.fromEntries(
      (answer['outcomes'] ?? '')
        .split(',')
        .filter((word) => word !== '')
        .map((word): [string, string] => {
          const at = word.lastIndexOf(':');
          return [word.slice(0, at), word.slice(at + 1)];
        }),
    ),
  };
}
