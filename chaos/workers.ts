import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { appendFile, copyFile, cp, mkdir, readFile, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { poll } from '../test/support/poll.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Runs worker processes, one after another. */
export interface WorkerSlot {
  readonly name: string;
  /** The live process, if there is one. */
  readonly pid: () => number | undefined;
  readonly start: (build: Build) => Promise<void>;
  readonly signal: (signal: NodeJS.Signals) => void;
  /** Processes that ended without a request, or not on request. */
  readonly deaths: readonly string[];
  /** Resolves once the process is gone; kills it after a while. */
  readonly gone: () => Promise<void>;
}

/** `other` has host programs and a workflow bundle with different hashes that do the same. */
export type Build = 'own' | 'other';

/**
 * Makes two builds, for upgrades during runs. Both are copies, so that a concurrent build disturbs nothing. Returns their
 * folders.
 */
export async function makeBuilds(dir: string): Promise<Readonly<Record<Build, string>>> {
  const copy = async (name: Build) => {
    const build = join(dir, `build-${name}`);
    await mkdir(build);
    await cp(join(root, 'dist'), join(build, 'dist'), { recursive: true });
    await copyFile(join(root, 'package.json'), join(build, 'package.json'));
    await symlink(join(root, 'node_modules'), join(build, 'node_modules'));
    return join(build, 'dist');
  };
  const [own, other] = [await copy('own'), await copy('other')];
  const programs = join(other, 'host/programs');
  for (const name of await readdir(programs)) await appendFile(join(programs, name), '\n# Another build.\n');
  // At the beginning, because the SDK reads the source map at the end.
  const bundle = join(other, 'workflow-bundle.js');
  await writeFile(bundle, `// Another build.\n${await readFile(bundle, 'utf8')}`);
  return { own, other };
}

/** The worker with this identity on the server, unless it is gone. See `workerIdentity`. */
export function workerOf<W extends Pick<WorkerSlot, 'pid'>>(
  workers: readonly W[],
  identity: string | null | undefined,
): W | undefined {
  const pid = Number(/ (\d+)@/.exec(identity ?? '')?.[1]);
  return workers.find((worker) => worker.pid() === pid);
}

/**
 * Creates a slot; `logFile` receives the output of its processes, `builds` are the folders of builds. Like a service manager, it
 * restarts a worker that could not start, for example without a server. It records a worker that ends later without being
 * stopped.
 */
export function makeWorkerSlot(
  name: string,
  builds: Readonly<Record<Build, string>>,
  env: Readonly<Record<string, string>>,
  logFile: string,
  startsWithinMs = STARTS_WITHIN_MS,
): WorkerSlot {
  const sink = createWriteStream(logFile, { flags: 'a' });
  const deaths: string[] = [];
  let child: ChildProcess | undefined;
  /** The build that the slot should run. */
  let last = { withdrawn: false };

  /** Returns what a process printed that could not start. */
  const spawnOnce = async (build: Build): Promise<string | undefined> => {
    // In its own process group: Ctrl-C is for the campaign only.
    const started = spawn(process.execPath, [join(builds[build], 'cli/main.js'), 'worker'], {
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env['PATH'], ...env },
    });
    child = started;
    let log = '';
    let begun = false;
    const start = last;
    for (const stream of [started.stdout, started.stderr])
      stream.on('data', (chunk: Buffer) => {
        sink.write(chunk);
        if (!begun) log += chunk.toString();
      });
    started.once('exit', (code, signal) => {
      if (begun && !start.withdrawn) deaths.push(`${name} ended by itself: ${signal ?? `exit ${code}`}`);
    });
    await poll(
      () => log.includes('worker started') || pidOf(started) === undefined,
      `${name} starts`,
      () => log,
    );
    begun = pidOf(started) !== undefined;
    return begun ? undefined : log;
  };
  return {
    name,
    deaths,
    pid: () => child && pidOf(child),
    async start(build) {
      const start = { withdrawn: false };
      last = start;
      for (const end = Date.now() + startsWithinMs; !start.withdrawn; await delay(START_AGAIN_MS)) {
        const printed = await spawnOnce(build);
        if (printed === undefined) return;
        if (Date.now() > end) throw new Error(`${name} does not start: ${printed}`);
      }
    },
    signal(signal) {
      if (signal === 'SIGKILL' || signal === 'SIGTERM') last.withdrawn = true;
      child?.kill(signal);
    },
    async gone() {
      if (!child || pidOf(child) === undefined) return;
      const ended = once(child, 'exit').then(() => true);
      if (await Promise.race([ended, delay(GONE_WITHIN_MS, false)])) return;
      deaths.push(`${name} did not end in ${GONE_WITHIN_MS / 1000} s after the request`);
      child.kill('SIGKILL');
      await ended;
    },
  };
}

const START_AGAIN_MS = 500;
/** Longer than any fault keeps the server down. */
const STARTS_WITHIN_MS = 120_000;
/** Many times the grace period of a worker. */
const GONE_WITHIN_MS = 30_000;

function pidOf(child: ChildProcess): number | undefined {
  return child.exitCode === null && child.signalCode === null ? child.pid : undefined;
}
