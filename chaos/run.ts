import { setTimeout as delay } from 'node:timers/promises';
import type { RunStatus } from '../src/domain/status.ts';
import { sandboxReboot } from '../src/dev/sandbox/index.ts';
import type { Window } from './aim.ts';
import { launchesOf, readHistory, readHost, type Evidence, type Injected } from './evidence.ts';
import { createDraw } from './draw.ts';
import { judge, type Violation } from './invariants.ts';
import { operate } from './operator.ts';
import { renderPlan, rivalOf, sentinelPath, type DrawnRun } from './plans.ts';
import type { DrawnFault } from './schedule.ts';
import type { Stage } from './stage.ts';
import { recoveryMs, strikeRun, type Locks, type Struck } from './striker.ts';

/** A run that is over, judged. */
export interface JudgedRun {
  readonly evidence: Evidence;
  readonly faults: readonly Injected[];
  readonly violations: readonly Violation[];
}

/** What runs of a campaign share. */
export interface Setting {
  readonly stage: Stage;
  readonly seed: number;
  readonly windows: readonly Window[];
  readonly locks: Locks;
  /** Every fault so far, of all runs. */
  readonly struck: Struck[];
  /** Stops what waits. */
  readonly signal: AbortSignal;
}

/** Longer than everything that Chandler waits for by itself under these faults. */
const STUCK_AFTER_MS = 240_000;

/** Plays one run on its host, with its rival if it has one, and judges both. */
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
    faults,
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
  await striker.settle();
  const played = rival && second ? [first, second] : [first];
  const judged: JudgedRun[] = [];
  for (const run of played) judged.push(await judgeRun(setting, run, begunMs));
  return judged;
}

interface Played {
  readonly drawn: DrawnRun;
  readonly firstRunId: string;
  readonly outcome: Evidence['outcome'];
}

async function play(setting: Setting, drawn: DrawnRun): Promise<Played> {
  const { stage, seed, signal } = setting;
  const { client, ledger } = stage;
  const plan = renderPlan(drawn, stage.hosts[drawn.host]!.target, ledger.port);
  const { runId } = await again(signal, () => startOnce(stage, plan, drawn.name));
  const over = new AbortController();
  const operator = operate(client, seed, drawn.name, drawn.order, over.signal);
  const outcome = await Promise.race([
    again(AbortSignal.any([signal, over.signal]), () => client.result(drawn.name)),
    delay(STUCK_AFTER_MS, undefined, { signal: AbortSignal.any([signal, over.signal]) }).then(
      () => 'stuck' as const,
    ),
  ]).finally(() => over.abort());
  await operator;
  if (outcome !== 'stuck') return { drawn, firstRunId: runId, outcome };
  return { drawn, firstRunId: runId, outcome: { outcome: 'stuck', why: await endStuck(stage, drawn) } };
}

/** A start whose answer was lost has started all the same. */
async function startOnce(stage: Stage, plan: Parameters<Stage['client']['start']>[0], workflowId: string) {
  try {
    return await stage.client.start(plan, { workflowId });
  } catch (error) {
    if ((error as { code?: string }).code !== 'lease-held') throw error;
    return { runId: (await stage.client.temporal.workflow.getHandle(workflowId).describe()).runId };
  }
}

/** Tells where a run hangs and makes its host free for the next. */
async function endStuck(stage: Stage, drawn: DrawnRun): Promise<string> {
  const handle = stage.client.temporal.workflow.getHandle(drawn.name);
  const { raw } = await handle.describe();
  const pending = (raw.pendingActivities ?? []).map(
    ({ activityType, attempt, lastFailure }) =>
      `${activityType?.name}, attempt ${attempt}: ${lastFailure?.message ?? 'no failure'}`,
  );
  await handle.terminate('stuck');
  await sandboxReboot(stage.hosts[drawn.host]!.sandbox);
  return `still at work after ${STUCK_AFTER_MS / 1000} s; ${pending.join('; ') || 'nothing is pending'}`;
}

/** The server and the workers come back: asks until there is an answer. */
async function again<T>(signal: AbortSignal, ask: () => Promise<T>): Promise<T> {
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
  { drawn, firstRunId, outcome }: Played,
  begunMs: number,
): Promise<JudgedRun> {
  const { stage, seed, signal } = setting;
  const host = stage.hosts[drawn.host]!;
  const lines = stage.ledger.lines.filter(({ run }) => run === drawn.name);
  const ask = <T>(question: () => Promise<T>) => again(signal, question);
  const status = await ask(() => stage.client.status(drawn.name)).catch((): RunStatus =>
    unknownStatus(drawn),
  );
  const { attempts, ...history } = await ask(() => readHistory(stage, drawn.name, firstRunId));
  const launches = launchesOf({ firstRunId, status });
  const ids = [...new Set([...launches.map(({ id }) => id), ...lines.map(({ launch }) => launch)])];
  const hostSays = await host.run('true').then(() => readHost(host, ids, sentinelPath(drawn)));
  const struck = setting.struck.filter(
    (fault) => fault.host === host.sandbox.name && fault.healedMs >= begunMs,
  );
  const eventsMs = history.events.map(({ atMs }) => atMs);
  const faults = struck.map(({ on: _on, held: _held, heardMs: _heardMs, ...fault }, i): Injected => {
    const recovered = fault.run === drawn.name ? recoveryMs(struck[i]!, { eventsMs, attempts }) : undefined;
    return { ...fault, ...(recovered !== undefined && { recoveryMs: recovered }) };
  });
  // Reading every log through the client would take longer than the runs.
  const draw = createDraw(seed, `logs ${drawn.name}`);
  const logged = launches.filter(({ id }) =>
    hostSays.launches.some((it) => it.launch === id && it.code !== undefined),
  );
  const chosen = logged.length === 0 ? [] : [draw.pick(logged)];
  const read = [];
  for (const launch of chosen) {
    const { id, step, generation, kind } = launch;
    const options = { generation, finalizer: kind === 'finalizer' };
    read.push({ launch: id, ...(await ask(() => readWhole(stage, drawn.name, step, options))) });
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
    read,
    faults,
  };
  return { evidence, faults: faults.filter(({ run }) => run === drawn.name), violations: judge(evidence) };
}

/** Pages small enough for most logs to need several. */
const PAGE_BYTES = 4096;

async function readWhole(
  stage: Stage,
  run: string,
  step: string,
  options: { generation: number; finalizer: boolean },
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
function unknownStatus(drawn: DrawnRun): RunStatus {
  return {
    phase: 'failed',
    plan: drawn.name,
    host: '',
    attention: false,
    paused: false,
    startedAtMs: 0,
    steps: [],
    sentinel: '',
    interventions: [],
  };
}
