// `npm run bench:waiting -- [COUNT] [AGE]`: what COUNT runs cost one worker and the server while each waits for a step that began
// AGE ago. The hosts are simulated by one SSH server, and the runs continue from snapshots in the middle of their step.
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { NativeConnection, Worker } from '@temporalio/worker';
import pMap from 'p-map';
import { createLogger } from '../src/config/logger.ts';
import type { Plan } from '../src/domain/plan/schema.ts';
import { addressOf, makeLaunch } from '../src/domain/run/ids.ts';
import { durationMs, formatDuration } from '../src/domain/text/duration.ts';
import { installRuntime } from '../src/worker.ts';
import type { RunSnapshot } from '../src/workflows/snapshot.ts';
import { ensureBuilt } from '../test/support/built.ts';
import { poll } from '../test/support/poll.ts';
import { cpuOf, memoryOf } from './process-costs.ts';
import { openSimulatedStand } from './simulated-stand.ts';

const count = Number(process.argv[2] ?? 1000);
const ageMs = durationMs(process.argv[3], 3_600_000);
const START_WITHIN_MS = 900_000;
const SETTLE_MS = 20_000;
const MEASURE_MS = 60_000;
const TASK_QUEUE = 'bench-waiting';
const STARTER_QUEUE = 'bench-waiting-start';

ensureBuilt();
const stand = await openSimulatedStand(TASK_QUEUE, ['1', '0', '0']);
const { client } = stand;
const pids = stand.pids();
installRuntime(createLogger('error'));
const starter = await Worker.create({
  connection: await NativeConnection.connect({ address: stand.address }),
  taskQueue: STARTER_QUEUE,
  workflowsPath: fileURLToPath(new URL('./continue-waiting.ts', import.meta.url)),
});
const started = starter.run();
try {
  console.log(`hosts: ${count}, simulated by one SSH server; steps: one each, ${formatDuration(ageMs)} old`);
  const idle = await memoryOf(pids.worker);
  await pMap(Array.from({ length: count }).keys(), startWaiting, { concurrency: 20 });
  const waits = async () => (await stand.askHosts()).waits;
  const first = count === 0 ? [] : [client.result('waiting:0')];
  const ended = first.map(async (result) => {
    throw new Error(`a run has ended: ${JSON.stringify(await result)}`);
  });
  const all = poll(
    async () => (await waits()) === count,
    'every run waits',
    () => '',
    START_WITHIN_MS,
  );
  await Promise.race([...ended, all]);
  starter.shutdown();
  await started;
  await delay(SETTLE_MS);
  const before = await cpuOf(pids);
  await delay(MEASURE_MS);
  const after = await cpuOf(pids);
  if ((await waits()) !== count) throw new Error('some waits have ended');
  const core = (name: keyof typeof pids) =>
    `${name} ${(((after[name] - before[name]) / MEASURE_MS) * 100).toFixed(1)} %`;
  console.log(
    `of a core, over ${MEASURE_MS / 1000} s: ${core('worker')}, ${core('server')}, ${core('simulator')}`,
  );
  console.log(`memory of the worker: ${await memoryOf(pids.worker)} MB; before the runs ${idle} MB`);
} finally {
  await stand.stop();
}

async function startWaiting(index: number): Promise<void> {
  const plan: Plan = {
    name: 'waiting',
    target: stand.targetOf(index),
    steps: [{ name: 'work', script: 'sleep infinity', timeout: '30d' }],
  };
  const sinceMs = Date.now() - ageMs;
  const owner = `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`;
  const launch = makeLaunch(owner, 'work', 'step', 1);
  const part = {
    step: 'work',
    kind: 'step',
    attempts: 1,
    overrides: {},
    isResetting: false,
    latest: '-',
  } as const;
  const snapshot: RunSnapshot = {
    status: {
      phase: 'steps',
      plan: 'waiting',
      host: addressOf(plan.target),
      attention: false,
      paused: false,
      startedAtMs: sinceMs,
      steps: [{ name: 'work', state: 'running', attempt: 1, startedAtMs: sinceMs }],
      sentinel: '/var/lib/chandler/provisioned',
      auditTrail: [],
    },
    parts: [{ ...part, launches: [{ launch, state: 'open', sinceMs }] }],
    host: {
      target: plan.target,
      facts: {
        arch: 'x86_64',
        os: 'simulated',
        uid: 0,
        bootId: 'simulated',
        stateDir: '/var/lib/chandler',
        zmxDir: '/run/chandler/zmx',
        tools: [],
      },
      zmx: { path: '/usr/bin/zmx', version: '0.7.0', source: 'release' },
    },
    owner,
    requests: [],
    notified: [],
    searchAttributes: [],
  };
  await client.temporal.workflow.start('continueWaiting', {
    taskQueue: STARTER_QUEUE,
    workflowId: `waiting:${index}`,
    args: [TASK_QUEUE, plan, snapshot],
  });
}
