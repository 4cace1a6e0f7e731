import { formatClock } from '../text/duration.ts';

/** A pause by one of Temporal's own controls, not by Chandler's `pause`. */
export interface ServerPause {
  /** What is paused: the whole workflow or one of its activities. */
  readonly of: 'workflow' | 'activity';
  /** Milliseconds since the epoch. */
  readonly sinceMs: number;
  /** Who paused it: the identity that their client sends. */
  readonly by?: string;
  readonly reason?: string;
  /** The command of the Temporal CLI that ends the pause. */
  readonly unpause: string;
}

/** What the server knows about a run whose workflow is paused, which answers no query. */
export interface PausedRun {
  readonly plan: string;
  readonly host: string;
  /** Empty if the server does not know it. */
  readonly phase: string;
  readonly startedAtMs: number;
  /** The last output of the steps that the run waited for. They continue to run. */
  readonly lastLines: readonly { readonly step: string; readonly lastLine: string }[];
}

/** A run cannot answer because Temporal's workflow pause holds it. What runs on its host continues. */
export class RunPausedError extends Error {
  override readonly name = 'RunPausedError';
  readonly pause: ServerPause;
  readonly known: PausedRun;

  /** Its message names the pause and the command that ends it. */
  constructor(pause: ServerPause, known: PausedRun) {
    super(`the run is ${describePause(pause)}`);
    this.pause = pause;
    this.known = known;
  }
}

/** `paused by Temporal's activity pause since 12:03:04 (anna: looking); unpause it with: temporal …` */
export function describePause({ of, sinceMs, by, reason, unpause }: ServerPause): string {
  const why = [by, reason].filter((word) => word !== undefined && word !== '').join(': ');
  const since = formatClock(sinceMs);
  return `paused by Temporal's ${of} pause since ${since}${why === '' ? '' : ` (${why})`}; unpause it with: ${unpause}`;
}
