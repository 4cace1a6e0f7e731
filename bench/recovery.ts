// `npm run bench:recovery [ROUNDS]`: the recovery time of a run after each fault, with real servers and hosts.
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ensureBuilt } from '../test/support/built.ts';
import { readHistory } from '../chaos/evidence.ts';
import { openStage, type Stage, type StageHost } from '../chaos/stage.ts';
import { quantile } from '../chaos/quantile.ts';
import { workerOf, type WorkerSlot } from '../chaos/workers.ts';
import { timing } from '../src/domain/run/timing.ts';
import { poll } from '../test/support/poll.ts';

const rounds = Number(process.argv[2] ?? 5);

/** A run whose only step waits for a file on the host. */
interface Waiting {
  readonly stage: Stage;
  readonly host: StageHost;
  /** The worker that waits for the step. */
  readonly holder: WorkerSlot;
  /** Ends the step on the host without network and sshd. */
  readonly endStep: () => Promise<unknown>;
}

interface Row {
  readonly name: string;
  readonly promiseMs: number;
  /** Injects and undoes a fault; returns the moment from which the run should continue. */
  readonly strike: (waiting: Waiting) => Promise<number>;
  readonly endsWorker?: boolean;
  /** Measures until another worker waits for the step, not until the run is over. */
  readonly untilAnotherWaits?: boolean;
}

const faults: readonly Row[] = [
  {
    name: 'none: the step just ends',
    promiseMs: 1_000,
    async strike({ endStep }) {
      await endStep();
      return performance.now();
    },
  },
  {
    name: 'worker killed (SIGKILL), until another waits',
    promiseMs: timing.heartbeatTimeoutMs + 2_000,
    endsWorker: true,
    untilAnotherWaits: true,
    strike: harmThenEnd(({ holder }) => holder.signal('SIGKILL')),
  },
  {
    name: 'worker stopped (SIGTERM)',
    promiseMs: 2_000,
    endsWorker: true,
    strike: harmThenEnd(({ holder }) => holder.signal('SIGTERM')),
  },
  {
    name: 'connection reset',
    promiseMs: 3_000,
    strike: harmThenEnd(({ host }) => host.proxy.reset()),
  },
  {
    name: 'connection refused for 10 s, from when it is taken again',
    promiseMs: 3_000,
    async strike({ host, endStep }) {
      await host.proxy.refuse();
      host.proxy.reset();
      await endStep();
      await delay(10_000);
      await host.proxy.accept();
      return performance.now();
    },
  },
  {
    name: 'black hole, until another connection is tried',
    promiseMs: 15_000,
    async strike({ host, endStep }) {
      const before = host.proxy.accepted();
      host.proxy.setMode('blackhole');
      const from = performance.now();
      await endStep();
      await poll(() => host.proxy.accepted() > before, 'another connection is tried');
      // Only the current connection is dead; the next one gets through.
      host.proxy.reset();
      host.proxy.setMode('pass');
      return from;
    },
  },
  {
    name: 'Temporal server killed for 5 s, from when it serves again',
    promiseMs: 5_000,
    async strike({ stage, endStep }) {
      await stage.killServer();
      await endStep();
      await delay(5_000);
      await stage.startServer();
      return performance.now();
    },
  },
];

/** The run should continue from the moment of the fault. */
function harmThenEnd(harm: (waiting: Waiting) => void): Row['strike'] {
  return async (waiting) => {
    harm(waiting);
    const from = performance.now();
    await waiting.endStep();
    return from;
  };
}

ensureBuilt();
const dir = await mkdtemp(join(tmpdir(), 'chandler-recovery-'));
const stage = await openStage({ dir, hosts: 1, workers: 2 });
let missed = 0;
try {
  console.log(`rounds of each: ${rounds}\n\nfault | median | worst | promised\n--- | ---: | ---: | ---:`);
  for (const row of faults) {
    const { name, promiseMs } = row;
    const tookMs: number[] = [];
    for (let round = 0; round < rounds; round += 1) tookMs.push(await play(stage, row));
    const worst = Math.max(...tookMs);
    if (worst > promiseMs) missed += 1;
    console.log(`${name} | ${seconds(quantile(tookMs, 0.5))} | ${seconds(worst)} | ≤ ${seconds(promiseMs)}`);
  }
} finally {
  await stage.stop();
  await rm(dir, { recursive: true, force: true });
}
process.exitCode = missed === 0 ? 0 : 1;

/** Strikes a run in the middle of its step and returns the time it took then. */
async function play(
  stage: Stage,
  { strike, endsWorker = false, untilAnotherWaits = false }: Row,
): Promise<number> {
  const [host] = stage.hosts;
  if (!host) throw new Error('no host');
  const { client } = stage;
  const mark = randomUUID();
  const { workflowId } = await client.start(
    {
      target: host.target,
      steps: [{ name: 'waits', script: `until test -e /root/${mark}; do sleep 0.02; done` }],
      sentinel: { whenPresent: 'ignore' },
    },
    { workflowId: `recovery:${mark}` },
  );
  const handle = client.temporal.workflow.getHandle(workflowId);
  let holder: WorkerSlot | undefined;
  await poll(async () => {
    const { raw } = await handle.describe();
    const wait = raw.pendingActivities?.find(({ activityType }) => activityType?.name === 'waitStep');
    holder = workerOf(stage.workers, wait?.lastWorkerIdentity);
    return wait?.heartbeatDetails != null && holder !== undefined;
  }, 'a worker waits for the step');
  if (!holder) throw new Error('no worker waits');
  // Between two heartbeats.
  await delay(Math.random() * timing.heartbeatEveryMs);
  const from = await strike({ stage, host, holder, endStep: () => host.run(`touch /root/${mark}`) });
  const { outcome } = await client.result(workflowId);
  const tookMs = untilAnotherWaits
    ? (await lastWaitBeganAt(stage, workflowId)) - (Date.now() - performance.now() + from)
    : performance.now() - from;
  if (outcome !== 'provisioned') throw new Error(`${workflowId}: ${outcome}`);
  if (endsWorker) {
    await holder.gone();
    await holder.start('own');
  }
  return tookMs;
}

/** When the last wait for the step started, in milliseconds since the epoch. Each waiting worker has its own activity. */
async function lastWaitBeganAt(stage: Stage, workflowId: string): Promise<number> {
  const { events } = await readHistory(stage, workflowId);
  const began = events.findLast(({ text }) => text.startsWith('activityTaskStarted waitStep'));
  if (!began) throw new Error('no wait has started');
  return began.atMs;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
