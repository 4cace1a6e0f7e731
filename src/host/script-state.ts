import { decodeText, pick, readPath, type Answer } from './answers.ts';
import { isFailureCode, type FailureCode } from '../domain/failure.ts';

/** Where the script with which a host provisions itself is. */
export interface ScriptState {
  /** Whose launches its steps are. */
  readonly owner: string;
  /** Of the plan's work, 64 hex digits. */
  readonly digest: string;
  /** It is at work now. */
  readonly alive: boolean;
  /** `left`: somebody else goes on with its work; `stopped`: somebody ended it. */
  readonly phase: string;
  /** Why it gave up, with `phase: failed`. */
  readonly failure?: { readonly code: FailureCode; readonly text: string };
  readonly sentinelPath: string;
  /** Empty if it has none. */
  readonly logPath: string;
  /** The zmx that it starts steps with; empty until it has one. */
  readonly zmxPath: string;
  /** How parts ended for the script, by `step.NAME` and `finalizer.NAME`: succeeded, satisfied, failed, blocked. */
  readonly outcomes: Readonly<Record<string, string>>;
}

/** Reads the answer of `script_read` in the host program; nothing if the host has no script. */
export function parseScriptState(answers: readonly Answer[]): ScriptState | undefined {
  const answer = pick(answers, 'script', 'script');
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
