import { copyFile, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { connect, type ChandlerClient } from '../src/client.ts';
import type { SandboxHost } from '../src/dev/sandbox/index.ts';
import { sandboxExec } from '../test/support/sandbox-control.ts';
import { startDevServer, type DevServer } from '../src/dev/temporal/index.ts';
import type { Target } from '../src/domain/plan/schema.ts';
import { searchAttributes } from '../src/domain/run/search-attributes.ts';
import { startFaultProxy, type FaultProxy } from '../test/support/fault-proxy.ts';
import { startHosts } from '../test/support/hosts.ts';
import { testCli } from '../test/support/temporal.ts';
import { openLedger, type Ledger } from './ledger.ts';
import { makeBuilds, makeWorkerSlot, type WorkerSlot } from './workers.ts';

/** A host of the campaign; Chandler reaches it only through its proxy. */
export interface StageHost {
  readonly sandbox: SandboxHost;
  readonly proxy: FaultProxy;
  readonly target: Target;
  /** Runs a shell program on the host without network and sshd; throws unless it exits with 0. */
  readonly run: (program: string, options?: { readonly asMachine?: boolean }) => Promise<string>;
}

/** A Temporal server with a database, worker processes, and hosts with a real sshd. */
export interface Stage {
  readonly dir: string;
  /** Where the workers find their identities, each named after its host. */
  readonly keys: string;
  readonly client: ChandlerClient;
  readonly ledger: Ledger;
  readonly hosts: readonly StageHost[];
  readonly workers: readonly WorkerSlot[];
  /** The workflows of their build. */
  readonly workflowBundle: { readonly codePath: string };
  /** Kills the Temporal server at once; `startServer` brings it back with the same database and port. */
  readonly killServer: () => Promise<void>;
  readonly startServer: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

const HOST_DISK_MIB = 48;

export async function openStage(options: { dir: string; hosts: number; workers: number }): Promise<Stage> {
  const { dir } = options;
  const undo: (() => Promise<unknown>)[] = [];
  const stop = async () => {
    for (const step of undo.splice(0).toReversed())
      await step().catch((error: unknown) => console.error(error));
  };
  try {
    const ledger = await openLedger(join(dir, 'ledger.log'));
    undo.push(() => ledger.close());
    const { path: cli } = await testCli();
    const dbFile = join(dir, 'temporal', 'temporal.db');
    let server: DevServer = await startDevServer({ cli, dbFile, searchAttributes });
    undo.push(() => server.stop({ graceMs: 0 }));
    const port = Number(server.address.split(':')[1]);

    const keys = join(dir, 'keys');
    const hosts = await openHosts(options.hosts, keys, undo);
    for (const host of hosts) await prepareHost(host, ledger.port);

    const builds = await makeBuilds(dir);
    const env = {
      HOME: dir,
      TEMPORAL_ADDRESS: server.address,
      CHANDLER_IDENTITIES: keys,
      CHANDLER_ZMX_SOURCE: 'tmux',
      CHANDLER_LOG_LEVEL: 'info',
    };
    const workers = Array.from({ length: options.workers }, (_, i) =>
      makeWorkerSlot(`worker-${i + 1}`, builds, env, join(dir, `worker-${i + 1}.log`)),
    );
    undo.push(async () => {
      for (const worker of workers) worker.signal('SIGKILL');
      await Promise.all(workers.map((worker) => worker.gone()));
    });
    await Promise.all(workers.map((worker) => worker.start('own')));
    const client = await connect({ address: server.address });
    undo.push(() => client.close());
    return {
      dir,
      keys,
      client,
      ledger,
      hosts,
      workers,
      workflowBundle: { codePath: join(builds.own, 'workflow-bundle.js') },
      killServer: () => server.stop({ graceMs: 0 }),
      startServer: async () => {
        server = await restartServer({ cli, dbFile, port, searchAttributes });
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Starts the server again. A connection of another program may hold its port for a moment. */
async function restartServer(options: Parameters<typeof startDevServer>[0]): Promise<DevServer> {
  for (const end = Date.now() + 60_000; ; await delay(200)) {
    try {
      return await startDevServer(options);
    } catch (error) {
      if (Date.now() > end) throw error;
    }
  }
}

/** Starts hosts behind proxies, and puts their keys into a new directory. Adds to `undo` what ends them. */
async function openHosts(
  count: number,
  keys: string,
  undo: (() => Promise<unknown>)[],
): Promise<StageHost[]> {
  const { hosts: sandboxes, stop } = await startHosts(count, { diskMiB: HOST_DISK_MIB });
  undo.push(stop);
  await mkdir(keys);
  const hosts: StageHost[] = [];
  for (const sandbox of sandboxes) {
    await copyFile(sandbox.identity, join(keys, sandbox.name));
    const proxy = await startFaultProxy(sandbox.port);
    undo.push(() => proxy.close());
    hosts.push(stageHost(sandbox, proxy));
  }
  return hosts;
}

function stageHost(sandbox: SandboxHost, proxy: FaultProxy): StageHost {
  return {
    sandbox,
    proxy,
    target: {
      host: '127.0.0.1',
      port: proxy.port,
      identity: sandbox.name,
      hostKey: sandbox.hostKey,
      connectTimeout: '2m',
    },
    async run(program, options) {
      const { stdout, stderr, code, signal } = await sandboxExec(sandbox, ['/bin/sh', '-c', program], {
        ...options,
        timeoutMs: 60_000,
      });
      if (code !== 0) throw new Error(`on ${sandbox.name}: ${signal ?? `exit ${code}`}: ${stderr}${stdout}`);
      return stdout;
    },
  };
}

/** Puts the campaign's wrappers before the programs of a host. Chandler's programs are unchanged. */
async function prepareHost(host: StageHost, ledgerPort: number): Promise<void> {
  const read = async (name: string) =>
    (await readFile(new URL(`./programs/${name}`, import.meta.url), 'utf8'))
      .replaceAll('@HOST@', host.sandbox.name)
      .replaceAll('@PORT@', String(ledgerPort));
  const put = async (text: string, path: string) => {
    const { code, stderr } = await sandboxExec(
      host.sandbox,
      ['/bin/sh', '-c', 'mkdir -p "${1%/*}" && cat >"$1" && chmod 755 "$1"', 'put', path],
      { stdin: text },
    );
    if (code !== 0) throw new Error(`cannot write ${path} on ${host.sandbox.name}: ${stderr}`);
  };
  await put(await read('hook.sh'), '/etc/chaos/hook.sh');
  for (const name of ['sh', 'bash']) await put(await read('wrap.sh'), `/usr/local/bin/${name}`);
  await put(await read('date.sh'), '/usr/local/bin/date');
}
