import { spawn, type ChildProcess, type ChildProcessByStdio } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { inject } from 'vitest';
import { connect, type ChandlerClient } from '../../src/client.ts';
import type { Plan, Target } from '../../src/domain/plan/schema.ts';
import type { RunStatus } from '../../src/domain/run/status.ts';
import { sandboxExec } from './sandbox-control.ts';
import { findStatus } from './find-status.ts';
import { poll } from './poll.ts';
import { startHost, type HostOptions, type TestHost } from './hosts.ts';

const cli = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

/** A worker in its own process. */
export interface WorkerProcess {
  readonly pid: number;
  readonly log: () => string;
  readonly kill: (signal: NodeJS.Signals) => Promise<void>;
}

/** A host, a client and workers on the server that all integration tests share. */
export interface Stack {
  readonly host: TestHost;
  readonly client: ChandlerClient;
  readonly taskQueue: string;
  readonly address: string;
  readonly secretsDir: string;
  /** A target for the host. `port` may be that of a proxy. */
  readonly target: (changes?: Partial<Target>) => Target;
  readonly startWorker: (env?: Record<string, string>) => Promise<WorkerProcess>;
  /** Starts a plan on the host under a new id. The tmux shim replaces zmx unless the plan chooses another source. */
  readonly start: (plan: Omit<Plan, 'target'> & { target?: Target }, workflowId?: string) => Promise<string>;
  /** Waits until the status satisfies `condition`. */
  readonly until: (id: string, condition: (status: RunStatus) => boolean, what: string) => Promise<RunStatus>;
  /** Runs a shell command on the host without SSH. Returns its output. */
  readonly onHost: (script: string, options?: { readonly asMachine?: boolean }) => Promise<string>;
  readonly stop: () => Promise<void>;
}

/** Starts a host, workers and a client. `address` selects another server than the shared one. */
export async function startStack(
  options: HostOptions & { workers?: number; address?: string } = {},
): Promise<Stack> {
  const { address = inject('temporalAddress') } = options;
  const taskQueue = `test-${randomUUID()}`;
  const host = await startHost(options);
  const client = await connect({ address, taskQueue });
  const dir = await mkdtemp(join(tmpdir(), 'chandler-stack-'));
  await copyFile(host.identity, join(dir, 'id_test'));
  const workers: ChildProcess[] = [];

  const startWorker = async (env: Record<string, string> = {}): Promise<WorkerProcess> => {
    const child = spawn(process.execPath, [cli, 'worker'], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        PATH: process.env['PATH'],
        HOME: dir,
        TEMPORAL_ADDRESS: address,
        CHANDLER_TASK_QUEUE: taskQueue,
        CHANDLER_IDENTITIES: dir,
        CHANDLER_KNOWN_HOSTS: host.knownHosts,
        CHANDLER_SECRETS_DIR: dir,
        CHANDLER_ZMX_SOURCE: 'tmux',
        ...env,
      },
    });
    workers.push(child);
    return awaitStart(child);
  };
  for (let i = 0; i < (options.workers ?? 1); i += 1) await startWorker();

  const target = (changes: Partial<Target> = {}): Target => ({
    host: host.host,
    port: host.port,
    identity: 'id_test',
    hostKey: host.hostKey,
    connectTimeout: '20s',
    ...changes,
  });
  return {
    host,
    client,
    taskQueue,
    address,
    secretsDir: dir,
    target,
    startWorker,
    async start(plan, workflowId = `test:${randomUUID()}`) {
      await client.start({ target: target(), ...plan }, { workflowId });
      return workflowId;
    },
    async until(id, condition, what) {
      let status: RunStatus | undefined;
      await poll(
        async () => {
          status = await findStatus(client, id);
          return status !== undefined && condition(status);
        },
        what,
        () => JSON.stringify(status, null, 1),
      );
      return status!;
    },
    async onHost(script, options) {
      const { stdout, stderr, code } = await sandboxExec(host, ['sh', '-c', script], options);
      if (code !== 0) throw new Error(`on the host: exit ${code}: ${stderr}${stdout}`);
      return stdout;
    },
    async stop() {
      for (const worker of workers) await killChild(worker, 'SIGKILL');
      await client.close();
      await host.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

async function awaitStart(child: ChildProcessByStdio<null, Readable, Readable>): Promise<WorkerProcess> {
  let log = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (log += chunk.toString()));
  await poll(
    () => log.includes('worker started') || child.exitCode !== null,
    'the worker starts',
    () => log,
  );
  if (child.exitCode !== null) throw new Error(`the worker ended: ${log}`);
  return { pid: child.pid ?? 0, log: () => log, kill: (signal) => killChild(child, signal) };
}

async function killChild(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill(signal);
  await once(child, 'exit');
}

/** Stores a secret that the stack's workers find as `file:NAME`. */
export async function addSecret(stack: Stack, name: string, value: string): Promise<void> {
  await writeFile(join(stack.secretsDir, name), value, { mode: 0o600 });
}
