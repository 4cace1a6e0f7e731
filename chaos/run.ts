import { setTimeout as delay } from 'node:timers/promises';
import { WorkflowNotFoundError } from '@temporalio/client';
import { makeLaunch } from '../src/domain/run/ids.ts';
import { readSentinel } from '../src/domain/run/sentinel.ts';
import type { RunStatus } from '../src/domain/run/status.ts';
import { sandboxReboot } from '../test/support/sandbox-control.ts';
import type { Window } from './aim.ts';
import { launchesOf, readHistory, readHost, type Evidence, type Injected } from './evidence.ts';
import { WORKFLOW_RESET } from './controls.ts';
import { createDraw } from './draw.ts';
import type { LedgerLine } from './ledger.ts';
import { judge, type Violation } from './invariants.ts';
import { operate } from './operator.ts';
import { nextRuns, renderPlan, rivalOf, sentinelPath, workflowIdOf, type DrawnRun } from './plans.ts';
import type { DrawnFault } from './schedule.ts';
import type { Stage } from './stage.ts';
import { recoveryMs, strikeRun, type Locks, type Struck } from './striker.ts';
import type { Woken } from './wake.ts';

/** A judged run. */
export interface JudgedRun {
  readonly evidence: Evidence;
  readonly faults: readonly Injected[];
  readonly violations: readonly Violation[];
}

/** State that the runs of a campaign share. */
export interface Setting {
  readonly stage: Stage;
  readonly seed: number;
  readonly windows: readonly Window[];
  readonly locks: Locks;
  /** The faults of all runs so far. */
  readonly struck: Struck[];
  /** How runs that hung after a pause were continued. */
  readonly woken: Woken[];
  /** Stops waiting. */
  readonly signal: AbortSignal;
}

/** A gRPC status. */
const NOT_FOUND = 5;
/** Longer than any wait of Chandler under these faults. */
const STUCK_AFTER_MS = 240_000;

/** Plays one run on its host, with its rival and the runs after its termination, and judges all of them. */
export async function playRun(
  setting: Setting,
  drawn: DrawnRun,
  faults: readonly DrawnFault[],
): Promise<JudgedRun[]> {
  const { stage } = setting;
  const host = stage.hosts[drawn.host]!;
  const begunMs = Date.now();
  const striker = await strikeRun(
    stage,
    host,
    drawn.name,
    // A reset would revive a terminated run that others follow.
    faults.filter(({ kind }) => drawn.next === undefined || kind.name !== WORKFLOW_RESET),
    setting.windows,
    setting.locks,
    (struck) => void setting.struck.push(struck),
  );
  const rival = drawn.rivalAfterMs === undefined ? undefined : rivalOf(drawn);
  const [first, second] = await Promise.all([
    play(setting, drawn),
    rival &&
      delay(drawn.rivalAfterMs, undefined, { signal: setting.signal }).then(() => play(setting, rival)),
  ]);
  const played = rival && second ? [first, second] : [first];
  // Nothing follows a run that ended before its termination.
  if (first.outcome.outcome === 'aborted') {
    if (drawn.isDeleted) {
      const known = await readRun(setting, first);
      played[0] = { ...first, known };
      await deleteRun(setting, drawn);
    }
    for (const next of nextRuns(drawn)) played.push({ ...(await play(setting, next)), before: first });
  }
  await striker.settle();
  const judged: JudgedRun[] = [];
  const writers = new Set(played.map(({ firstRunId }) => firstRunId));
  for (const run of played) judged.push(await judgeRun(setting, run, begunMs, writers));
  return judged;
}

interface Played {
  readonly drawn: DrawnRun;
  readonly firstRunId: string;
  readonly outcome: Evidence['outcome'];
  readonly endedMs: number;
  /** The run on the host before it, which was terminated. */
  readonly before?: Played;
  /** What the server knew of it before it was deleted. */
  readonly known?: Awaited<ReturnType<typeof readRun>>;
}

/** Starts a run and waits for its end, with its operator. */
export async function play(setting: Setting, drawn: DrawnRun): Promise<Played> {
  const { stage, seed, signal } = setting;
  const { client, ledger } = stage;
  const plan = renderPlan(drawn, stage.hosts[drawn.host]!.target, ledger.port);
  const { runId } = await again(signal, () => startOnce(stage, plan, workflowIdOf(drawn)));
  const over = new AbortController();
  const onWoken = (how: Woken) => void setting.woken.push(how);
  const operator = operate(client, seed, workflowIdOf(drawn), drawn.action, over.signal, onWoken);
  const outcome = await Promise.race([
    again(AbortSignal.any([signal, over.signal]), () => client.result(workflowIdOf(drawn))),
    delay(STUCK_AFTER_MS, undefined, { signal: AbortSignal.any([signal, over.signal]) }).then(
      () => 'stuck' as const,
    ),
  ]).finally(() => over.abort());
  await operator;
  const endedMs = Date.now();
  if (outcome !== 'stuck') return { drawn, firstRunId: runId, outcome, endedMs };
  const why = await endStuck(stage, drawn);
  return { drawn, firstRunId: runId, outcome: { outcome: 'stuck', why }, endedMs };
}

/** A start whose response was lost has still started the run. */
async function startOnce(stage: Stage, plan: Parameters<Stage['client']['start']>[0], workflowId: string) {
  try {
    return await stage.client.start(plan, { workflowId });
  } catch (error) {
    if ((error as { code?: string }).code !== 'lease-held') throw error;
    return { runId: (await stage.client.temporal.workflow.getHandle(workflowId).describe()).runId };
  }
}

/** Reports where a run hangs and frees its host for the next run. */
async function endStuck(stage: Stage, drawn: DrawnRun): Promise<string> {
  const handle = stage.client.temporal.workflow.getHandle(workflowIdOf(drawn));
  const { raw } = await handle.describe();
  const pending = (raw.pendingActivities ?? []).map(
    ({ activityType, attempt, lastFailure }) =>
      `${activityType?.name}, attempt ${attempt}: ${lastFailure?.message ?? 'no failure'}`,
  );
  await handle.terminate('stuck');
  await sandboxReboot(stage.hosts[drawn.host]!.sandbox);
  return `still at work after ${STUCK_AFTER_MS / 1000} s; ${pending.join('; ') || 'nothing is pending'}`;
}

/** Reads what the server and its workers know of a run. */
async function readRun({ stage, signal }: Setting, { drawn }: Pick<Played, 'drawn'>) {
  const workflowId = workflowIdOf(drawn);
  const status = await again(signal, () => stage.client.status(workflowId)).catch((): RunStatus =>
    unknownStatus(drawn),
  );
  return { status, history: await again(signal, () => readHistory(stage, workflowId)) };
}

/** Deletes a closed run from the server, as its retention or an operator does, and waits until it is gone. */
async function deleteRun({ stage, signal }: Setting, drawn: DrawnRun): Promise<void> {
  const { workflow, workflowService, options } = stage.client.temporal;
  const workflowExecution = { workflowId: workflowIdOf(drawn) };
  const { namespace } = options;
  await again(signal, async () => {
    try {
      await workflowService.deleteWorkflowExecution({ namespace, workflowExecution });
      await workflow.getHandle(workflowIdOf(drawn)).describe();
    } catch (error) {
      if (error instanceof WorkflowNotFoundError || (error as { code?: number }).code === NOT_FOUND) return;
      throw error;
    }
    throw new Error(`${workflowIdOf(drawn)} is not deleted yet`);
  });
}

/** Repeats a request until server and workers are back. */
export async function again<T>(signal: AbortSignal, ask: () => Promise<T>): Promise<T> {
  for (const end = Date.now() + STUCK_AFTER_MS; ;) {
    try {
      return await ask();
    } catch (error) {
      signal.throwIfAborted();
      if (Date.now() > end) throw error;
      await delay(300, undefined, { signal });
    }
  }
}

async function judgeRun(
  setting: Setting,
  played: Played,
  begunMs: number,
  writers: ReadonlySet<string>,
): Promise<JudgedRun> {
  const { stage, seed, signal } = setting;
  const { drawn, outcome, before } = played;
  const host = stage.hosts[drawn.host]!;
  const workflowId = workflowIdOf(drawn);
  const {
    status,
    history: { attempts, owner, ...history },
  } = played.known ?? (await readRun(setting, played));
  // The ids of continued launches are derived from the run that started them.
  const firstRunId = owner ?? played.firstRunId;
  const launches = launchesOf({ firstRunId, status });
  const lines = linesOf(setting, played, firstRunId, new Set(launches.map(({ id }) => id)));
  const ids = [...new Set([...launches.map(({ id }) => id), ...lines.map(({ launch }) => launch)])];
  const { sentinel, ...hostSays } = await readHost(host, ids, sentinelPath(drawn));
  const writer = sentinel === undefined ? undefined : readSentinel(sentinel).runId;
  // Another run of the same plan may have written it: the terminated one before this run, or the next one.
  const isOthers = writer !== undefined && writer !== played.firstRunId && writers.has(writer);
  const struck = setting.struck.filter(
    (fault) => fault.host === host.sandbox.name && fault.healedMs >= begunMs,
  );
  const recorded = { eventsMs: history.events.map(({ atMs }) => atMs), attempts };
  const faults = struck.map(({ on: _on, held: _held, heardMs: _heardMs, ...fault }, i): Injected => {
    const recovered = fault.run === drawn.name && !before ? recoveryMs(struck[i]!, recorded) : undefined;
    return { ...fault, ...(recovered !== undefined && { recoveryMs: recovered }) };
  });
  const logged = launches.filter(({ id }) =>
    hostSays.launches.some((it) => it.launch === id && it.code !== undefined),
  );
  const read = [];
  // Reading every log through the client would take longer than the runs.
  if (logged.length > 0 && !played.known) {
    const { id, step, attempt, kind } = createDraw(seed, `logs ${drawn.name}`).pick(logged);
    const options = { attempt, finalizer: kind === 'finalizer' };
    read.push({ launch: id, ...(await again(signal, () => readWhole(stage, workflowId, step, options))) });
  }
  const evidence: Evidence = {
    drawn,
    firstRunId,
    hostName: host.sandbox.name,
    ledger: lines,
    outcome,
    status,
    ...history,
    ...hostSays,
    ...(sentinel !== undefined && { sentinel: isOthers ? 'other' : 'own' }),
    read,
    faults,
    ...(before && firstRunId === before.firstRunId && { continues: true }),
  };
  // Faults of a run that was continued were counted with it.
  const own = before ? [] : faults.filter(({ run }) => run === drawn.name);
  return { evidence, faults: own, violations: judge(evidence) };
}

/**
 * The ledger lines of a run, without launches that another run of the same plan started. A worker may still start a launch after
 * the termination of its run.
 */
function linesOf(
  { stage }: Setting,
  { drawn, endedMs, before }: Played,
  firstRunId: string,
  own: ReadonlySet<string>,
): LedgerLine[] {
  const lines = stage.ledger.lines.filter(({ run }) => run === drawn.name);
  const begun = (launch: string) => lines.find((line) => line.launch === launch)?.atMs ?? 0;
  if (drawn.next === 'same') return lines.filter(({ launch }) => own.has(launch) || begun(launch) <= endedMs);
  if (before === undefined || before.firstRunId === firstRunId) return lines;
  return lines.filter(
    ({ launch, step, kind, attempt }) =>
      begun(launch) > before.endedMs && launch !== makeLaunch(before.firstRunId, step, kind, attempt).id,
  );
}

/** Pages small enough for most logs to need several. */
const PAGE_BYTES = 4096;

async function readWhole(
  stage: Stage,
  run: string,
  step: string,
  options: { attempt: number; finalizer: boolean },
): Promise<{ text: string; complete: boolean }> {
  let text = '';
  for (let offset = 0; ;) {
    const maxBytes = offset === 0 ? PAGE_BYTES : PAGE_BYTES * 32;
    const page = await stage.client.readLog(run, step, { ...options, offset, maxBytes });
    text += page.text;
    if (page.complete || page.nextOffset === offset) return { text, complete: page.complete };
    offset = page.nextOffset;
  }
}

/** A run that failed before it had a status: its plan was refused, or its host was. */
export function unknownStatus(drawn: DrawnRun): RunStatus {
  return {
    phase: 'failed',
    plan: drawn.name,
    host: '',
    attention: false,
    paused: false,
    startedAtMs: 0,
    steps: [],
    sentinel: '',
    auditTrail: [],
  };
}
