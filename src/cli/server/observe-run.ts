import type { ChandlerClient, FailedTask } from '../../client.ts';
import { RunPausedError } from '../../domain/run/server-pause.ts';
import type { RunStatus } from '../../domain/run/status.ts';
import { isNoWorker } from '../errors.ts';

/** What a run answers to one query. */
export type Observation =
  | { readonly kind: 'status'; readonly status: RunStatus }
  | Silence
  /** Temporal's workflow pause holds the run, which does not answer until it is unpaused. */
  | { readonly kind: 'held'; readonly error: RunPausedError };

/** No answer: either no worker serves this run, or the server is gone. */
export interface Silence {
  readonly kind: 'silent';
  readonly who: 'worker' | 'server';
  /** Set if workers get the task of the run, but fail it. */
  readonly failedTask?: FailedTask;
}

/** A worker on a busy machine may take longer than five seconds. */
const ANSWER_MS = 10_000;
const SERVER_ANSWER_MS = 3000;

export async function observeRun(client: ChandlerClient, workflowId: string): Promise<Observation> {
  try {
    return { kind: 'status', status: await inTime(client, () => client.status(workflowId)) };
  } catch (error) {
    if (error instanceof RunPausedError) return { kind: 'held', error };
    if (!isNoWorker(error)) throw error;
    if (!(await serverAnswers(client))) return { kind: 'silent', who: 'server' };
    const { failedTask } = await client.describe(workflowId);
    return { kind: 'silent', who: 'worker', ...(failedTask && { failedTask }) };
  }
}

/**
 * Whether the server answers. The SDK retries while the server is gone, so a request without a worker and one without a server
 * fail alike.
 */
export function serverAnswers(client: ChandlerClient, withinMs = SERVER_ANSWER_MS): Promise<boolean> {
  return client
    .within(withinMs, () => client.server.version())
    .then(
      () => true,
      () => false,
    );
}

/** Bounds a request: without a worker, or on a server that hangs, it would wait much longer. */
export function inTime<T>(client: ChandlerClient, ask: () => Promise<T>): Promise<T> {
  return client.within(ANSWER_MS, ask);
}
