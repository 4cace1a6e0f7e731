/** What the session of a launch that has not begun waits for. */
export interface StartWaiting {
  /**
   * `login-shell`: its shell still runs the login profile. `input`: something reads the terminal, so the typed command is lost,
   * or a program asks a question. `nothing`: the session is gone, or could not be created.
   */
  readonly for: 'login-shell' | 'input' | 'nothing';
  /** The last lines that zmx and the session printed: plain text, 1000 bytes at most. */
  readonly output: string;
}

/**
 * The state of a launch on the host. `absent`: it has no record there. `created`: it has not begun. `cancelled`: its end was
 * requested before it began. `interrupted`: it began, but has neither a record of its end nor a supervisor, so it was killed or,
 * if `rebooted`, the host went down. `endedAtMs` is milliseconds since the epoch by the host's clock, accurate to the second.
 */
export type LaunchState =
  | { readonly kind: 'absent' | 'cancelled' }
  | {
      readonly kind: 'created';
      /** Set in the answer to a request to start the launch in a session. */
      readonly waiting?: StartWaiting;
    }
  | { readonly kind: 'running'; readonly logBytes: number }
  | {
      readonly kind: 'exited';
      readonly code: number;
      readonly endedAtMs: number;
      readonly elapsedMs: number;
      readonly logBytes: number;
      /** The host could not keep the whole output, because its disk was full or the process that writes the log was killed. */
      readonly logCut?: true;
      /** Its end was requested before it ended. */
      readonly killed?: true;
      /** The host rebooted, as the step was to do. Then `code` is 0, and `endedAtMs` is when it last wrote to its log. */
      readonly rebooted?: true;
      /** When its terminal was lost while the script continued: milliseconds since the epoch by the host's clock. */
      readonly terminalLostAtMs?: number;
      /** The command lines of background processes that ended with the terminal when the script was over. */
      readonly endedWithTerminal?: readonly string[];
    }
  | {
      readonly kind: 'interrupted';
      readonly rebooted: boolean;
      readonly logBytes: number;
      /** Files of its launch directory were removed or replaced. */
      readonly recordsBroken?: true;
    };

/** A launch whose end was requested has not succeeded, even if its script then exited with 0. */
export function hasSucceeded(
  state: LaunchState | undefined,
): state is Extract<LaunchState, { kind: 'exited' }> & { readonly code: 0 } {
  return state?.kind === 'exited' && state.code === 0 && !state.killed;
}

/** By their numbers; `-` for those that end no script. */
const SIGNALS = '- HUP INT QUIT ILL - ABRT BUS FPE KILL - SEGV - PIPE ALRM TERM'.split(' ');

/** The signal that a shell's exit code means (128 + its number); undefined for other codes. */
export function signalOfCode(code: number): string | undefined {
  const name = SIGNALS[code - 128];
  return name === '-' ? undefined : name;
}

/** `exit 3`, `exit 137 (KILL)` */
export function formatExit(code: number): string {
  const signal = signalOfCode(code);
  return signal === undefined ? `exit ${code}` : `exit ${code} (${signal})`;
}

/** Notes on the end of a launch, besides its exit code: `terminal lost at 12:03:04 UTC`, `ended with the terminal: sleep 777`. */
export function notesOf(state: LaunchState): string[] {
  if (state.kind !== 'exited') return [];
  const { rebooted, terminalLostAtMs, endedWithTerminal = [] } = state;
  return [
    ...(rebooted ? ['ended with the reboot of the host'] : []),
    ...(terminalLostAtMs === undefined
      ? []
      : [`terminal lost at ${new Date(terminalLostAtMs).toISOString().slice(11, 19)} UTC`]),
    ...(endedWithTerminal.length === 0 ? [] : [`ended with the terminal: ${endedWithTerminal.join(', ')}`]),
  ];
}
