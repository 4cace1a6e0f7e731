import { setTimeout as delay } from 'node:timers/promises';
import type { ChandlerClient, RunResult } from '../client.ts';
import type { RunStatus } from '../domain/status.ts';
import { aborted } from './context.ts';
import { isNoWorker } from './errors.ts';

/** What a step that runs, or ran, said last. */
export interface Progress {
  readonly step: string;
  readonly finalizer: boolean;
  readonly generation: number;
  readonly lastLine: string;
  /** Of its log so far. */
  readonly logBytes?: number;
}

/** What can be seen of a run at one moment. */
export type Sight =
  | { readonly kind: 'status'; readonly status: RunStatus; readonly progress: readonly Progress[] }
  /** Nobody answers: no worker for this run, or not even the server. */
  | Silence
  | { readonly kind: 'end'; readonly result: RunResult };

const LOOK_EVERY_MS = 300;
/** Progress comes with heartbeats, which are slower. */
const PROGRESS_EVERY_MS = 1000;
const ANSWER_MS = 5000;
const SERVER_ANSWER_MS = 1000;

/** Looks at a run until it is over or `signal` is aborted; the last status, if there is one, comes before the end. */
export async function* watchRun(
  client: ChandlerClient,
  workflowId: string,
  signal: AbortSignal,
): AsyncGenerator<Sight, void> {
  const over = client.result(workflowId).then(
    (result) => ({ kind: 'end' as const, result }),
    (error: unknown) => ({ kind: 'broken' as const, error }),
  );
  const stopped = aborted(signal).then(() => ({ kind: 'stopped' as const }));
  let said: readonly Progress[] = [];
  let nextProgressMs = 0;
  for (;;) {
    const look = lookAt(client, workflowId).catch((error: unknown) => ({ kind: 'broken' as const, error }));
    const sight = await Promise.race([look, stopped]);
    if (sight.kind === 'stopped') return;
    if (sight.kind === 'broken') throw sight.error;
    if (sight.kind === 'status' && performance.now() >= nextProgressMs) {
      nextProgressMs = performance.now() + PROGRESS_EVERY_MS;
      said = await readProgress(client, workflowId, sight.status, said);
    }
    yield sight.kind === 'status' ? { ...sight, progress: said } : sight;
    const next = await Promise.race([over, stopped, delay(LOOK_EVERY_MS, { kind: 'look' as const })]);
    if (next.kind === 'stopped') return;
    if (next.kind === 'broken') throw next.error;
    if (next.kind === 'look') continue;
    const last = await lookAt(client, workflowId);
    if (last.kind === 'status') yield { ...last, progress: said };
    yield next;
    return;
  }
}

export interface Silence {
  readonly kind: 'silent';
  readonly who: 'worker' | 'server';
}

/** Asks a run once where it is, with a bound: without a worker nobody would ever answer. */
export async function lookAt(
  client: ChandlerClient,
  workflowId: string,
): Promise<{ kind: 'status'; status: RunStatus } | Silence> {
  try {
    return { kind: 'status', status: await inTime(client, () => client.status(workflowId)) };
  } catch (error) {
    if (!isNoWorker(error)) throw error;
    return { kind: 'silent', who: (await serverAnswers(client)) ? 'worker' : 'server' };
  }
}

/** The SDK tries a server that is away again and again, so that both kinds of silence look the same. */
export async function serverAnswers(client: ChandlerClient, withinMs = SERVER_ANSWER_MS): Promise<boolean> {
  const ask = () => client.temporal.workflowService.getSystemInfo({});
  return inTime(client, ask, withinMs).then(
    () => true,
    () => false,
  );
}

/** Bounds what only a worker can answer. */
export function inTime<T>(client: ChandlerClient, ask: () => Promise<T>, withinMs = ANSWER_MS): Promise<T> {
  return client.temporal.withDeadline(Date.now() + withinMs, ask);
}

/** The latest heartbeats of a run's waits, over what they were before: what a part said stays when it is over. */
export async function readProgress(
  client: ChandlerClient,
  workflowId: string,
  status: RunStatus,
  before: readonly Progress[],
): Promise<Progress[]> {
  const { raw } = await client.temporal.workflow.getHandle(workflowId).describe();
  const { payloadConverter } = client.temporal.options.loadedDataConverter;
  const said = new Map(before.map((item) => [`${item.step} ${item.finalizer}`, item]));
  for (const { activityType, heartbeatDetails } of raw.pendingActivities ?? []) {
    const [payload] = heartbeatDetails?.payloads ?? [];
    if (!payload) continue;
    const { step, lastLine, logBytes } = payloadConverter.fromPayload<Partial<Progress>>(payload);
    const known = status.steps.find(({ name }) => name === step);
    if (!known || lastLine === undefined) continue;
    const finalizer = activityType?.name === 'finalizeStep';
    const { generation } = (finalizer ? known.finalizer : known) ?? known;
    said.set(`${known.name} ${finalizer}`, {
      step: known.name,
      finalizer,
      generation,
      lastLine,
      ...(logBytes !== undefined && { logBytes }),
    });
  }
  return [...said.values()];
}
