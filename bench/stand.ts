import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { connect, type ChandlerClient } from '../src/client.ts';
import { runOrThrow } from '../src/dev/sandbox/run-program.ts';
import type { SandboxHost } from '../src/dev/sandbox/index.ts';
import { startDevServer } from '../src/dev/temporal/index.ts';
import { sendSignal } from '../src/dev/processes.ts';
import type { Plan, Target } from '../src/domain/plan/schema.ts';
import type { ProvisionResult } from '../src/workflows/run-kind.ts';
import { searchAttributes } from '../src/domain/run/search-attributes.ts';
import { startHosts } from '../test/support/hosts.ts';
import { poll } from '../test/support/poll.ts';
import { sandboxExec, sandboxSshd } from '../test/support/sandbox-control.ts';
import { testCli } from '../test/support/temporal.ts';
import { makeCgroup, type Cgroup } from './cgroup.ts';
import { chooseZmx } from './machine.ts';
import { RESULTS } from './work.ts';

const cli = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
const HOST_DISK_MIB = 48;
/** Idle means less than this part of a core. */
const IDLE = { cores: 0.1, everyMs: 250, looks: 40 };
const STATE = '/var/lib/chandler /run/chandler /root/.ansible';

export interface BenchHost {
  readonly sandbox: SandboxHost;
  readonly target: Target;
  readonly cgroup: Cgroup;
  /** A file of the results, if it is there. */
  readonly read: (name: string) => string | undefined;
  /** Ends every process that a tool left, connections too; with `wipe` also removes results and state, as on a new host. */
  readonly reset: (options: { readonly wipe: boolean }) => Promise<void>;
  /** What sshd has logged: accepted logins and exec channels. */
  readonly sshdCounts: () => { readonly logins: number; readonly execs: number };
}

/** Hosts, a Temporal server with a database, and a worker process, each in its own control group. */
export interface Stand {
  readonly dir: string;
  readonly hosts: readonly BenchHost[];
  readonly address: string;
  readonly server: Cgroup;
  readonly worker: Cgroup;
  /** For the programs of other tools. */
  readonly controller: Cgroup;
  readonly client: ChandlerClient;
  /** Which zmx the hosts run. */
  readonly zmx: string;
  /** Provisions a host. @throws Error for another outcome than the expected one, by default "provisioned" */
  readonly provision: (
    plan: Plan,
    expected?: ProvisionResult['outcome'],
  ) => Promise<{ readonly workflowId: string; readonly wallMs: number }>;
  /** CPU time of all of it, with this process. */
  readonly cpuMs: () => number;
  /** Waits until server, worker and hosts are idle, so that what one run leaves to do does not slow the next. */
  readonly settle: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

export async function openStand(hostCount: number): Promise<Stand> {
  const undo: (() => Promise<unknown>)[] = [];
  const stop = async () => {
    for (const step of undo.splice(0).toReversed())
      await step().catch((error: unknown) => console.error(error));
  };
  try {
    const dir = await mkdtemp(join(tmpdir(), 'chandler-bench-'));
    undo.push(() => rm(dir, { recursive: true, force: true }));
    const group = (label: string): Cgroup => {
      const made = makeCgroup(label);
      undo.push(() => made.remove());
      return made;
    };
    const [server, worker, controller] = [group('server'), group('worker'), group('controller')];
    const { path: temporal } = await testCli();
    const dbFile = join(dir, 'temporal.db');
    const served = await startDevServer({ cli: temporal, dbFile, searchAttributes });
    undo.push(() => served.stop({ graceMs: 0 }));
    server.add(served.pid);

    const { hosts: sandboxes, stop: stopHosts } = await startHosts(hostCount, { diskMiB: HOST_DISK_MIB });
    undo.push(stopHosts);
    const hosts: BenchHost[] = [];
    for (const sandbox of sandboxes) hosts.push(await benchHost(sandbox, group(sandbox.name)));

    const zmx = await chooseZmx(process.env['CHANDLER_ZMX_DIR']);
    await startWorker(worker, {
      HOME: dir,
      TEMPORAL_ADDRESS: served.address,
      CHANDLER_IDENTITIES: join(sandboxes[0]?.identity ?? dir, '../..'),
      CHANDLER_LOG_LEVEL: 'info',
      ...zmx.env,
    });
    const client = await connect({ address: served.address });
    undo.push(() => client.close());
    return {
      dir,
      hosts,
      server,
      worker,
      controller,
      client,
      stop,
      address: served.address,
      zmx: zmx.text,
      async provision(plan, expected = 'provisioned') {
        const begin = performance.now();
        const { workflowId } = await client.start(plan, { workflowId: `bench:${randomUUID()}` });
        const { outcome } = await client.result(workflowId);
        const wallMs = performance.now() - begin;
        if (outcome !== expected) throw new Error(`${workflowId} ended as ${outcome}`);
        return { workflowId, wallMs };
      },
      cpuMs: () => cpuOf([controller, server, worker, ...hosts.map(({ cgroup }) => cgroup)]) + ownCpuMs(),
      settle: () => settle([server, worker, ...hosts.map(({ cgroup }) => cgroup)]),
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** CPU time of this process. */
export function ownCpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

function cpuOf(groups: readonly Cgroup[]): number {
  return groups.reduce((sum, group) => sum + group.cpuMs(), 0);
}

async function settle(groups: readonly Cgroup[]): Promise<void> {
  let last = cpuOf(groups);
  for (let i = 0; i < IDLE.looks; i += 1) {
    await delay(IDLE.everyMs);
    const now = cpuOf(groups);
    if (now - last < IDLE.everyMs * IDLE.cores) return;
    last = now;
  }
}

async function startWorker(cgroup: Cgroup, env: Record<string, string>): Promise<void> {
  const [file = '', ...args] = cgroup.wrap([process.execPath, cli, 'worker']);
  // In its own process group: Ctrl-C is for the bench only, which then ends the worker's control group.
  const child = spawn(file, args, {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'], ...env },
  });
  let log = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      if (!log.includes('worker started')) log += chunk.toString();
    });
  await poll(
    () => log.includes('worker started') || child.exitCode !== null,
    'the worker starts',
    () => log,
  );
  if (child.exitCode !== null) throw new Error(`the worker ended: ${log}`);
}

async function benchHost(sandbox: SandboxHost, cgroup: Cgroup): Promise<BenchHost> {
  // sshd logs logins and exec channels at this level only.
  await inside(sandbox, 'echo LogLevel VERBOSE >>/etc/sandbox/sshd_config');
  await sandboxSshd(sandbox, 'stop');
  await sandboxSshd(sandbox, 'start');
  cgroup.addNamespaceOf(await firstPid(sandbox));
  const own = new Set(cgroup.pids());
  const root = `/proc/${await firstPid(sandbox)}/root`;
  const read = (path: string): string | undefined => {
    try {
      return readFileSync(`${root}${path}`, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  };
  return {
    sandbox,
    cgroup,
    target: {
      host: sandbox.host,
      port: sandbox.port,
      identity: sandbox.identity,
      hostKey: sandbox.hostKey,
      connectTimeout: '1m',
    },
    read: (name) => read(`${RESULTS}/${name}`),
    async reset({ wipe }) {
      for (const pid of cgroup.pids()) if (!own.has(pid)) sendSignal(pid, 'SIGKILL');
      await poll(() => cgroup.pids().every((pid) => own.has(pid)), `what runs on ${sandbox.name} ends`);
      if (wipe) await inside(sandbox, `rm -rf ${RESULTS} ${STATE} && mkdir ${RESULTS}`);
    },
    sshdCounts() {
      const log = read('/var/log/sshd.log') ?? '';
      const count = (text: string) => log.split(text).length - 1;
      return { logins: count('Accepted publickey'), execs: count('Starting session: ') };
    },
  };
}

async function inside(sandbox: SandboxHost, script: string): Promise<void> {
  const { code, stderr } = await sandboxExec(sandbox, ['sh', '-c', script]);
  if (code !== 0) throw new Error(`on ${sandbox.name}: ${stderr}`);
}

async function firstPid({ pid, container = '' }: SandboxHost): Promise<number> {
  if (pid !== undefined) return pid;
  return Number(await runOrThrow(['docker', 'inspect', '--format', '{{.State.Pid}}', container]));
}
