import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { appendFile, copyFile, cp, mkdir, readFile, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { poll } from '../test/support/poll.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

/** A place for a worker process: one after another lives in it. */
export interface WorkerSlot {
  readonly name: string;
  /** The live process, if there is one. */
  readonly pid: () => number | undefined;
  readonly start: (build: Build) => Promise<void>;
  readonly signal: (signal: NodeJS.Signals) => void;
  /** Processes that ended without having been told to, or did not end when they were. */
  readonly deaths: readonly string[];
  /** Resolves once the process is gone, at the latest after it was given up and killed. */
  readonly gone: () => Promise<void>;
}

/** `other` has host programs of another name and another workflow bundle, though they do the same. */
export type Build = 'own' | 'other';

/**
 * Makes two builds: what an upgrade looks like while runs are at work. Both are copies, so that a build in the meantime
 * disturbs nothing. Returns the entry point of each.
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
  // In front: at its end is the source map, which the SDK reads.
  const bundle = join(other, 'workflow-bundle.js');
  await writeFile(bundle, `// Another build.\n${await readFile(bundle, 'utf8')}`);
  return { own: join(own, 'cli/main.js'), other: join(other, 'cli/main.js') };
}

/** The worker that calls itself so to the engine; nothing for one that is gone. See `workerIdentity`. */
export function workerOf<W extends Pick<WorkerSlot, 'pid'>>(
  workers: readonly W[],
  identity: string | null | undefined,
): W | undefined {
  const pid = Number(/ (\d+)@/.exec(identity ?? '')?.[1]);
  return workers.find((worker) => worker.pid() === pid);
}

/**
 * A slot; `logFile` takes what its processes print. As a service manager would, it starts a worker again that could not
 * begin, for example while there is no server. One that ends later without having been told to is noted.
 */
export function makeWorkerSlot(
  name: string,
  builds: Readonly<Record<Build, string>>,
  env: Readonly<Record<string, string>>,
  logFile: string,
): WorkerSlot {
  const sink = createWriteStream(logFile, { flags: 'a' });
  const deaths: string[] = [];
  let child: ChildProcess | undefined;
  /** What the slot was last told to run. */
  let last = { withdrawn: false };

  const spawnOnce = async (build: Build): Promise<boolean> => {
    // A process group of its own: a Ctrl-C in the terminal is for the campaign alone.
    const started = spawn(process.execPath, [builds[build], 'worker'], {
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env['PATH'], ...env },
    });
    child = started;
    let log = '';
    let begun = false;
    const order = last;
    for (const stream of [started.stdout, started.stderr])
      stream.on('data', (chunk: Buffer) => {
        sink.write(chunk);
        if (!begun) log += chunk.toString();
      });
    started.once('exit', (code, signal) => {
      if (begun && !order.withdrawn) deaths.push(`${name} ended by itself: ${signal ?? `exit ${code}`}`);
    });
    await poll(
      () => log.includes('worker started') || pidOf(started) === undefined,
      `${name} starts`,
      () => log,
    );
    begun = pidOf(started) !== undefined;
    return begun;
  };
  return {
    name,
    deaths,
    pid: () => child && pidOf(child),
    async start(build) {
      const order = { withdrawn: false };
      last = order;
      while (!order.withdrawn && !(await spawnOnce(build))) await delay(START_AGAIN_MS);
    },
    signal(signal) {
      if (signal === 'SIGKILL' || signal === 'SIGTERM') last.withdrawn = true;
      child?.kill(signal);
    },
    async gone() {
      if (!child || pidOf(child) === undefined) return;
      const ended = once(child, 'exit').then(() => true);
      if (await Promise.race([ended, delay(GONE_WITHIN_MS, false)])) return;
      deaths.push(`${name} did not end in ${GONE_WITHIN_MS / 1000} s when it was told to`);
      child.kill('SIGKILL');
      await ended;
    },
  };
}

const START_AGAIN_MS = 500;
/** A stopping worker promises a fraction of this. */
const GONE_WITHIN_MS = 30_000;

function pidOf(child: ChildProcess): number | undefined {
  return child.exitCode === null && child.signalCode === null ? child.pid : undefined;
}
