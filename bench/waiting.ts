// `npm run bench:waiting -- [COUNT] [AGE]`: what COUNT runs cost one worker and the server while each waits for a step that began
// AGE ago. The hosts are simulated by one SSH server, and the runs continue from snapshots in the middle of their step.
import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { NativeConnection, Worker } from '@temporalio/worker';
import pMap from 'p-map';
import ssh2 from 'ssh2';
import { connect } from '../src/client.ts';
import { defaultCacheDir, findTemporalCli, startDevServer } from '../src/dev/temporal/index.ts';
import type { Plan } from '../src/domain/plan/schema.ts';
import { makeLaunch } from '../src/domain/run/ids.ts';
import { searchAttributes } from '../src/domain/run/search-attributes.ts';
import { durationMs, formatDuration } from '../src/domain/text/duration.ts';
import { createLogger } from '../src/config/logger.ts';
import { installRuntime } from '../src/worker.ts';
import type { RunSnapshot } from '../src/workflows/snapshot.ts';
import { ensureBuilt } from '../test/support/built.ts';
import { poll } from '../test/support/poll.ts';

const count = Number(process.argv[2] ?? 1000);
const ageMs = durationMs(process.argv[3], 3_600_000);
const START_WITHIN_MS = 900_000;
const SETTLE_MS = 20_000;
const MEASURE_MS = 60_000;
const TASK_QUEUE = 'bench-waiting';
const STARTER_QUEUE = 'bench-waiting-start';

ensureBuilt();
const announce = (line: string) => void process.stderr.write(`${line}\n`);
const dir = await mkdtemp(join(tmpdir(), 'chandler-waiting-'));
// Of the ed25519 keys that ssh2 makes, one in 256 is malformed.
await writeFile(join(dir, 'id_bench'), ssh2.utils.generateKeyPairSync('ecdsa', { bits: 256 }).private, {
  mode: 0o600,
});
const simulator = fork(fileURLToPath(new URL('./simulated-hosts.ts', import.meta.url)), [
  '1',
  '0',
  '0',
  'endless',
]);
const [{ port, hostKey }] = (await once(simulator, 'message')) as [{ port: number; hostKey: string }];
const { path: cli } = await findTemporalCli({
  env: process.env,
  cacheDir: defaultCacheDir(process.env),
  announce,
});
const server = await startDevServer({ cli, dbFile: join(dir, 'temporal.db'), searchAttributes, announce });
const worker = spawn(
  process.execPath,
  [fileURLToPath(new URL('../dist/cli/main.js', import.meta.url)), 'worker'],
  {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: {
      PATH: process.env['PATH'],
      HOME: dir,
      TEMPORAL_ADDRESS: server.address,
      CHANDLER_TASK_QUEUE: TASK_QUEUE,
      CHANDLER_IDENTITIES: dir,
      CHANDLER_LOG_LEVEL: 'warn',
      // As in the container image.
      MALLOC_ARENA_MAX: '2',
    },
  },
);
const pids = { worker: worker.pid ?? 0, server: server.pid, simulator: simulator.pid ?? 0 };
installRuntime(createLogger('error'));
const starter = await Worker.create({
  connection: await NativeConnection.connect({ address: server.address }),
  taskQueue: STARTER_QUEUE,
  workflowsPath: fileURLToPath(new URL('./continue-waiting.ts', import.meta.url)),
});
const started = starter.run();
const client = await connect({ address: server.address, taskQueue: TASK_QUEUE });
try {
  console.log(`hosts: ${count}, simulated by one SSH server; steps: one each, ${formatDuration(ageMs)} old`);
  const idle = await memoryOf(pids.worker);
  await pMap(Array.from({ length: count }).keys(), startWaiting, { concurrency: 20 });
  const waits = async () => {
    simulator.send('count');
    const [{ waits }] = (await once(simulator, 'message')) as [{ waits: number }];
    return waits;
  };
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
  simulator.disconnect();
  worker.kill('SIGKILL');
  await client.close();
  await server.stop({ graceMs: 0 });
  await rm(dir, { recursive: true, force: true });
}

async function startWaiting(index: number): Promise<void> {
  const host = `127.1.${Math.floor(index / 250)}.${(index % 250) + 1}`;
  const plan: Plan = {
    name: 'waiting',
    target: { host, port, hostKey, identity: 'id_bench' },
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
      host: `root@${host}:${port}`,
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

/** The CPU time that each process has used. In milliseconds. */
async function cpuOf<K extends string>(pids: Readonly<Record<K, number>>): Promise<Record<K, number>> {
  const entries = Object.entries<number>(pids).map(async ([name, pid]) => {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    const [user, system] = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .slice(11, 13)
      .map(Number);
    return [name, ((user ?? NaN) + (system ?? NaN)) * 10] as const;
  });
  return Object.fromEntries(await Promise.all(entries)) as Record<K, number>;
}

async function memoryOf(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Math.round(Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) / 1024);
}
