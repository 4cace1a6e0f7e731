import { mapConcurrently } from '../test/support/chandler.ts';
import type { LoginCase } from './cases.ts';
import { playCase, type Played } from './play.ts';
import { openLoginStage } from './stage.ts';

export interface FuzzOptions {
  readonly dir: string;
  /** Of the Temporal server. */
  readonly address: string;
  readonly cases: readonly LoginCase[];
  readonly atOnce: number;
  /** Multiplies the time limits. */
  readonly patience: number;
  readonly signal: AbortSignal;
  readonly onPlayed: (played: Played) => void;
}

/** Plays all cases, several at once, and leaves only the files in its folder. */
export async function fuzzLogins(options: FuzzOptions): Promise<Played[]> {
  const { dir, address, cases, atOnce, patience, signal, onPlayed } = options;
  const stage = await openLoginStage({ dir, address, cases });
  try {
    const played = await mapConcurrently(cases, atOnce, async (login) => {
      if (signal.aborted) return undefined;
      const result = await playCase(stage, login, patience);
      onPlayed(result);
      return result;
    });
    return played.filter((it) => it !== undefined);
  } finally {
    await stage.stop();
  }
}
