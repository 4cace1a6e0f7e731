import { aborted } from '../context.ts';
import { CliError, SERVER_GONE } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import { intervals } from './intervals.ts';
import { applyEvent, startRuns, type LiveEvent, type LiveRuns, type RunView } from './live-runs.ts';
import { startStore, type StoreSource } from './live-store.ts';

export interface RunSource extends Omit<StoreSource, 'scope'> {
  readonly workflowId: string;
  readonly signal: AbortSignal;
}

/** If the server is gone for this time, a command that follows one run ends; the run continues. */
const GIVE_UP_AFTER_MS = 20_000;

/**
 * Watches one run in a live store until `onChange` returns a value; returns undefined once the signal is aborted.
 *
 * @throws CliError unreachable if the server does not come back; the error of a request that the server refuses
 */
export async function watchRun<T>(
  { workflowId, signal, ...source }: RunSource,
  onChange: (run: RunView | undefined, live: LiveRuns) => T | undefined,
): Promise<T | undefined> {
  let resolve: (value: T) => void;
  let reject: (error: unknown) => void;
  const result = new Promise<T>((...settle) => {
    [resolve, reject] = settle;
  });
  const runOf = ({ runs }: LiveRuns) => runs.find(({ info }) => info.id === workflowId);
  const check = (live: LiveRuns, event: LiveEvent) => {
    if (event.kind === 'failed') throw event.error;
    if (live.lost && live.nowMs - live.lost.sinceMs >= GIVE_UP_AFTER_MS)
      throw new CliError(exitCodes.unreachable, SERVER_GONE);
    const value = onChange(runOf(live), live);
    if (value !== undefined) resolve(value);
  };
  const store = startStore<LiveRuns>(
    { ...source, scope: { kind: 'ids', ids: [workflowId] } },
    {
      start: startRuns(source.now()),
      update: applyEvent,
      interest: (live) => ({ focus: runOf(live), others: [], othersEveryMs: intervals.others }),
      onChange(_before, live, event) {
        try {
          check(live, event);
        } catch (error) {
          reject(error);
        }
      },
    },
  );
  try {
    return await Promise.race([result, aborted(signal).then(() => undefined)]);
  } finally {
    store.close();
  }
}
