import { fork, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import ssh2 from 'ssh2';
import { connect, type ChandlerClient } from '../src/client.ts';
import {
  defaultCacheDir,
  findTemporalCli,
  startDevServer,
  type DevServer,
} from '../src/dev/temporal/index.ts';
import type { Target } from '../src/domain/plan/schema.ts';
import { searchAttributes } from '../src/domain/run/search-attributes.ts';
import type { HostsReport } from './simulated-hosts.ts';

/** Simulated hosts, a Temporal server with a database, and worker processes. */
export interface SimulatedStand {
  readonly address: string;
  readonly client: ChandlerClient;
  /** The target of a host: each number is a loopback address of its own. */
  readonly targetOf: (index: number) => Target;
  readonly askHosts: () => Promise<HostsReport>;
  readonly pids: () => { readonly worker: number; readonly server: number; readonly simulator: number };
  /** Kills a worker, one after another; it starts again. */
  readonly killWorker: () => Promise<void>;
  /** Kills the server, and starts it again with its database. */
  readonly replaceServer: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

const IDENTITY = 'id_bench';
const announce = (line: string) => void process.stderr.write(`${line}\n`);

/** `behaviour` are the arguments of bench/simulated-hosts.ts. */
export async function openSimulatedStand(
  taskQueue: string,
  behaviour: readonly string[],
  workerCount = 1,
): Promise<SimulatedStand> {
  const dir = await mkdtemp(join(tmpdir(), 'chandler-simulated-'));
  // Of the ed25519 keys that ssh2 makes, one in 256 is malformed.
  const { private: key } = ssh2.utils.generateKeyPairSync('ecdsa', { bits: 256 });
  await writeFile(join(dir, IDENTITY), key, { mode: 0o600 });
  const simulator = fork(fileURLToPath(new URL('./simulated-hosts.ts', import.meta.url)), behaviour);
  const [{ port, hostKey }] = (await once(simulator, 'message')) as [{ port: number; hostKey: string }];
  const { path: cli } = await findTemporalCli({
    env: process.env,
    cacheDir: defaultCacheDir(process.env),
    announce,
  });
  const options = { cli, dbFile: join(dir, 'temporal.db'), searchAttributes, announce };
  let server = await startDevServer(options);
  const { address } = server;
  const workers = Array.from({ length: workerCount }, () => keepWorker(dir, address, taskQueue));
  const client = await connect({ address, taskQueue });
  return {
    address,
    client,
    targetOf: (index) => ({
      host: `127.1.${Math.floor(index / 250)}.${(index % 250) + 1}`,
      port,
      hostKey,
      identity: IDENTITY,
    }),
    async askHosts() {
      simulator.send('report');
      const [report] = (await once(simulator, 'message')) as [HostsReport];
      return report;
    },
    pids: () => ({ worker: workers[0]?.pid() ?? 0, server: server.pid, simulator: simulator.pid ?? 0 }),
    async killWorker() {
      const [first] = workers;
      if (!first) return;
      await first.kill();
      // Another one next time.
      workers.push(...workers.splice(0, 1));
    },
    async replaceServer() {
      await server.stop({ graceMs: 0 });
      server = await restartServer({ ...options, port: Number(address.split(':')[1]) });
    },
    async stop() {
      simulator.disconnect();
      await Promise.all(workers.map((worker) => worker.stop()));
      await client.close();
      await server.stop({ graceMs: 0 });
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** Starts the server again. A connection of another program may hold its port for a moment. */
async function restartServer(options: Parameters<typeof startDevServer>[0]): Promise<DevServer> {
  for (const endMs = Date.now() + 60_000; ; await delay(200)) {
    try {
      return await startDevServer(options);
    } catch (error) {
      if (Date.now() > endMs) throw error;
    }
  }
}

const RESTART_MS = 200;

/** A worker that is started again whenever it ends, as a service manager does. */
function keepWorker(dir: string, address: string, taskQueue: string) {
  let child: ChildProcess;
  let isStopping = false;
  const start = () => {
    child = startWorker(dir, address, taskQueue);
    child.once('exit', () => {
      if (!isStopping) setTimeout(start, RESTART_MS);
    });
  };
  start();
  return {
    pid: () => child.pid,
    kill: () => kill(child),
    async stop() {
      isStopping = true;
      await kill(child);
    },
  };
}

function startWorker(dir: string, address: string, taskQueue: string): ChildProcess {
  return spawn(process.execPath, [fileURLToPath(new URL('../dist/cli/main.js', import.meta.url)), 'worker'], {
    stdio: 'ignore',
    env: {
      PATH: process.env['PATH'],
      HOME: dir,
      TEMPORAL_ADDRESS: address,
      CHANDLER_TASK_QUEUE: taskQueue,
      CHANDLER_IDENTITIES: dir,
      CHANDLER_LOG_LEVEL: 'error',
      // As in the container image.
      MALLOC_ARENA_MAX: '2',
    },
  });
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}
