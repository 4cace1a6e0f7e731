/**
 * What the host says about a launch. `absent`: it knows of none. `created`: it has not begun. `cancelled`: its end was
 * ordered before it began. `interrupted`: it began, has no record of an end, and nobody supervises it, so it was killed or
 * the host went down; `rebooted` tells which. `endedAtMs` is milliseconds since the epoch by the host's clock, to the second.
 */
export type LaunchState =
  | { readonly kind: 'absent' | 'created' | 'cancelled' }
  | { readonly kind: 'running'; readonly logBytes: number }
  | {
      readonly kind: 'exited';
      readonly code: number;
      readonly endedAtMs: number;
      readonly elapsedMs: number;
      readonly logBytes: number;
      /** The host could not keep all that was printed: its disk was full, or what writes the log was killed. */
      readonly logCut?: true;
      /** Somebody had ordered its end before it came. */
      readonly killed?: true;
    }
  | { readonly kind: 'interrupted'; readonly rebooted: boolean; readonly logBytes: number };

const SIGNALS: Readonly<Record<number, string>> = {
  1: 'HUP',
  2: 'INT',
  3: 'QUIT',
  4: 'ILL',
  6: 'ABRT',
  7: 'BUS',
  8: 'FPE',
  9: 'KILL',
  11: 'SEGV',
  13: 'PIPE',
  14: 'ALRM',
  15: 'TERM',
};

/** The signal that a shell's exit code stands for (128 + its number), as far as it is one. */
export function signalOfCode(code: number): string | undefined {
  return SIGNALS[code - 128];
}

/** `exit 3`, `exit 137 (KILL)` */
export function formatExit(code: number): string {
  const signal = signalOfCode(code);
  return signal === undefined ? `exit ${code}` : `exit ${code} (${signal})`;
}
