import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Host } from '../../../src/host/host.ts';
import type { SessionPlace } from '../../../src/host/launch.ts';
import { renderLaunchBody, renderSecrets } from '../../../src/host/launch-body.ts';
import { loadPrograms, type Programs } from '../../../src/host/programs.ts';
import { quote, sh } from '../../../src/shell/index.ts';
import type { Executor } from '../../../src/ssh/executor.ts';
import { hostAt } from '../../support/host-at.ts';
import { loadShim } from '../../../src/zmx/index.ts';
import { LocalExecutor } from '../../support/local-executor.ts';
import { poll } from '../../support/poll.ts';
import { OWN_CODE, SECRET, type Ledger } from './model.ts';

export type ProgramName = 'host' | 'supervise';
/** See faults.sh. */
export type How = 'program' | 'part' | 'group' | 'half' | 'pause';
/** What a loss of power leaves: everything, every name but only the bytes that were synced, or only what was synced. */
export type Remains = 'everything' | 'names' | 'synced';

export interface Point {
  readonly at: string;
  readonly inSubshell: boolean;
}

/** No answer in this time is a hang. */
const PATIENCE_MS = 100_000;
const BOUND_S = 1;

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));

/**
 * A host in a folder of its own: the real programs, with the two places of the machine that they know moved there and a
 * line in front that lets faults.sh in. Every process of it carries `LAUNCH_MODEL` in its environment.
 */
export class HostUnderTest {
  readonly dir: string;
  /** Of its launch. Processes are marked with it, so it is the machine's. */
  readonly id: string;
  readonly host: Host;
  /** The next subcommands of the host program run where faults.sh can see them. */
  armed = false;
  readonly #executor: Executor;
  #patienceMs = PATIENCE_MS;
  readonly #place: Omit<SessionPlace, 'session'>;

  constructor(dir: string, programs: Programs = loadPrograms()) {
    this.dir = dir;
    this.id = basename(dir);
    for (const name of [
      'state/bin',
      'state/launches',
      'state/sessions',
      'run',
      'disk',
      'ledger',
      'tools',
      'home',
    ])
      mkdirSync(join(dir, name), { recursive: true, mode: 0o700 });
    writeFileSync(join(dir, 'boot-id'), '1\n');
    writeFileSync(join(dir, 'tools/zmx'), loadShim().content, { mode: 0o700 });
    writeFileSync(join(dir, 'tools/sync'), readFileSync(here('sync.sh')), { mode: 0o700 });
    const installed: Programs = {
      ...programs,
      host: { name: 'host', text: this.#admitFaults(programs.host.text, 'host') },
      supervise: { name: 'supervise', text: this.#admitFaults(programs.supervise.text, 'supervise') },
    };
    for (const { name, text } of [installed.host, installed.supervise])
      writeFileSync(join(dir, 'state/bin', name), text);
    const env = { ...process.env, LAUNCH_MODEL: dir, HOME: join(dir, 'home'), XDG_RUNTIME_DIR: undefined };
    const local = new LocalExecutor({ env });
    this.#executor = {
      exec: (command, options = {}) =>
        local.exec(this.armed ? sh('bash', ...command.words.slice(1)) : command, {
          timeoutMs: this.#patienceMs,
          ...options,
        }),
    };
    this.host = hostAt(this.#executor, join(dir, 'state'), installed);
    this.#place = { zmxPath: join(dir, 'tools/zmx'), zmxDir: join(dir, 'zmx') };
  }

  #admitFaults(text: string, program: ProgramName): string {
    const moved = text
      .replaceAll('/proc/sys/kernel/random/boot_id', '"$LAUNCH_MODEL/boot-id"')
      .replaceAll('/run/chandler', '"$LAUNCH_MODEL/run"')
      .replaceAll('"$(id -u)" = 0', '0 = 0');
    const prelude = [
      // Only bash can run faults.sh.
      ...(program === 'supervise' ? ['[ -n "${BASH_VERSION:-}" ] || exec bash -p "$0" "$@"'] : []),
      `cd ${this.dir}`,
      `PATH=${join(this.dir, 'tools')}:$PATH DISK=${join(this.dir, 'disk')}`,
      `export PATH DISK`,
      `if [ -n "\${BASH_VERSION:-}" ]; then . ${here('faults.sh')} ${this.dir} ${program}; fi`,
    ].join('; ');
    return moved.replace('\n', `\n${prelude}\n`);
  }

  // --- the operations ---

  /** `gated`: the step ends only once it is released. */
  create(id: string, gated = false) {
    return this.host.create(id, this.#body(id, gated));
  }
  start(id: string, session?: string) {
    return this.host.start(id, this.#startOptions(session));
  }
  launch(id: string, session?: string) {
    const record = { place: `plan/step.${id}`, digest: 'd', needs: ['n'], former: '-' };
    return this.host.launch(id, this.#body(id), { ...this.#startOptions(session), record });
  }
  /** Makes a check that is satisfied. */
  check(id: string) {
    const record = { place: `plan/step.${id}`, digest: 'd', needs: ['n'], former: 'f' };
    return this.host.check(id, 'true', { boundS: 20, record });
  }
  #body(id: string, gated = false) {
    const ledger = quote(join(this.dir, 'ledger', id));
    const script = [
      `echo begin >>${ledger}`,
      `echo "said $TOKEN"`,
      ...(gated ? [`while [ ! -e ${ledger}.gate ]; do sleep 0.02; done`] : []),
      `echo end >>${ledger}`,
      `exit $CODE`,
    ].join('\n');
    const launch = { step: id, attempt: 1, id } as Parameters<typeof renderLaunchBody>[0];
    return renderLaunchBody(launch, { script, env: { CODE: String(OWN_CODE) } });
  }
  #startOptions(session?: string) {
    const place = session === undefined ? {} : { place: this.place(session) };
    return { ...place, secrets: renderSecrets({ TOKEN: SECRET }), boundS: BOUND_S };
  }
  wait(id: string) {
    return this.host.wait(id, { boundS: BOUND_S });
  }
  state(id: string) {
    return this.host.state(id);
  }
  kill(id: string, session?: string) {
    return this.host.kill(id, { graceS: 0, ...(session !== undefined && { place: this.place(session) }) });
  }
  async log(id: string): Promise<string> {
    return Buffer.from((await this.host.log(id, { start: 0, maxBytes: 100_000 })).bytes).toString();
  }
  /** Forgets a launch as if it were old. */
  prune(id: string) {
    this.age(id);
    return this.host.prune(5);
  }
  age(id: string): void {
    const longAgo = new Date(Date.now() - 10 * 86_400_000);
    if (existsSync(this.launchDir(id))) utimesSync(this.launchDir(id), longAgo, longAgo);
  }
  release(id: string): void {
    writeFileSync(join(this.dir, 'ledger', `${id}.gate`), '');
  }

  /** A supervisor that nobody expects any more. It must leave what is over as it is. */
  superviseLate(id: string): void {
    // No start has come as far as to start one.
    if (!existsSync(join(this.launchDir(id), 'begun'))) return;
    const env = { ...process.env, LAUNCH_MODEL: this.dir };
    spawnSync(
      'bash',
      [join(this.dir, 'state/bin/supervise'), this.launchDir(id), join(this.dir, 'run/secrets', id)],
      {
        env,
        cwd: this.dir,
        stdio: 'ignore',
      },
    );
  }

  // --- what really is ---

  ledger(id: string): Ledger {
    const path = join(this.dir, 'ledger', id);
    const lines = existsSync(path) ? readFileSync(path, 'utf8').split('\n') : [];
    return {
      begins: lines.filter((line) => line === 'begin').length,
      ends: lines.filter((line) => line === 'end').length,
    };
  }
  /** What is recorded about the step of a launch. */
  record(id: string): string {
    return read(join(this.dir, 'state/plans/plan', `step.${id}`));
  }
  secrets(): string[] {
    const dir = join(this.dir, 'run/secrets');
    return existsSync(dir) ? readdirSync(dir) : [];
  }
  launchDir(id: string): string {
    return join(this.dir, 'state/launches', id);
  }
  place(session: string): SessionPlace {
    return { session, ...this.#place };
  }
  socket(session: string): string {
    return join(this.#place.zmxDir, session);
  }

  // --- faults ---

  /** Notes every point that `program` comes by, from now on. */
  trace(program: ProgramName): void {
    writeFileSync(join(this.dir, `trace.${program}`), '');
  }
  points(program: ProgramName): Point[] {
    const lines = readFileSync(join(this.dir, `trace.${program}`), 'utf8')
      .split('\n')
      .filter(Boolean);
    return [...new Set(lines)].map((line) => {
      const [depth, at = ''] = line.split('\t');
      return { at, inSubshell: depth !== '0' };
    });
  }
  plan(program: ProgramName, how: How, point: Point): void {
    writeFileSync(join(this.dir, `plan.${program}`), `${how}\n${point.at}\n`);
  }
  hasFired(program: ProgramName): boolean {
    return existsSync(join(this.dir, `fired.${program}`));
  }
  resume(): void {
    writeFileSync(join(this.dir, 'resume'), '');
  }

  /** The pid that the supervisor wrote down. */
  supervisor(id: string): number | undefined {
    const path = join(this.launchDir(id), 'started');
    const pid = existsSync(path) && /^pid=(\d+)$/m.exec(readFileSync(path, 'utf8'))?.[1];
    return pid ? Number(pid) : undefined;
  }
  /** Every process of this host, or of one launch of it. */
  processes(mark = `LAUNCH_MODEL=${this.dir}`): number[] {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(Number)
      .filter((pid) => read(`/proc/${pid}/environ`).split('\0').includes(mark));
  }
  /** The processes around a step: `leader` is the shell that leads the session of its terminal. */
  parts(id: string, name: 'script' | 'tee' | 'leader'): number[] {
    const begins = {
      script: 'script\0-q',
      tee: `tee\0-a\0${this.launchDir(id)}/log`,
      leader: '/bin/sh\0-c\0read -r CHANDLER_LINE',
    };
    return this.processes(
      name === 'tee' ? undefined : `${name === 'script' ? 'CHANDLER_ID' : 'CHANDLER_LAUNCH'}=${id}`,
    ).filter((pid) => read(`/proc/${pid}/cmdline`).startsWith(begins[name]));
  }
  async endProcesses(): Promise<void> {
    await poll(
      () => {
        const pids = this.processes();
        for (const pid of pids) signal(pid, 'SIGKILL');
        return pids.length === 0;
      },
      'the end of every process',
      () => this.processes().join(' '),
    );
  }

  /** The connection goes while the operation runs: its shell ends, its answer is lost. */
  async cutOff(ms: number, operation: () => Promise<unknown>): Promise<void> {
    this.#patienceMs = ms;
    const outcome = operation().catch(() => undefined);
    this.#patienceMs = PATIENCE_MS;
    await outcome;
  }
  /** The servers of a session. */
  daemons(session: string): number[] {
    return this.processes().filter((pid) =>
      read(`/proc/${pid}/cmdline`).includes(`\0-S\0${this.socket(session)}\0`),
    );
  }
  async killSession(session: string): Promise<void> {
    await this.#executor.exec(
      sh('env', `ZMX_DIR=${this.#place.zmxDir}`, this.#place.zmxPath, 'kill', session),
    );
  }
  /** A launch of this id would be another one. */
  forgetLedger(id: string): void {
    rmSync(join(this.dir, 'ledger', id), { force: true });
  }

  /** The power fails and comes back. */
  async reboot(remains: Remains): Promise<void> {
    await this.endProcesses();
    for (const name of ['run', 'zmx']) rmSync(join(this.dir, name), { recursive: true, force: true });
    writeFileSync(
      join(this.dir, 'boot-id'),
      `${Number(readFileSync(join(this.dir, 'boot-id'), 'utf8')) + 1}\n`,
    );
    if (remains === 'everything') return;
    const state = join(this.dir, 'state');
    // The directory for launches is as old as the host's programs.
    const synced = ['launches', ...this.#syncedEntries(statSync(state).ino).map(({ name }) => name)];
    for (const name of ['launches', 'plans']) {
      const kept = join(state, name);
      if (!existsSync(kept)) continue;
      if (remains === 'names') this.#loseBytes(kept);
      else {
        const copy = join(this.dir, 'rebuilt');
        if (synced.includes(name)) this.#rebuild(statSync(kept).ino, copy);
        rmSync(kept, { recursive: true });
        if (existsSync(copy)) renameSync(copy, kept);
      }
    }
  }
  #loseBytes(dir: string): void {
    for (const entry of readdirSync(dir, { withFileTypes: true })) {
      const path = join(dir, entry.name);
      if (entry.isDirectory()) this.#loseBytes(path);
      else if (entry.isFile()) writeFileSync(path, this.#synced(statSync(path).ino) ?? '');
    }
  }
  #rebuild(inode: number, to: string): void {
    mkdirSync(to, { mode: 0o700 });
    for (const { inode: child, kind, name } of this.#syncedEntries(inode)) {
      if (kind === 'directory') this.#rebuild(child, join(to, name));
      else if (kind !== 'fifo') writeFileSync(join(to, name), this.#synced(child) ?? '');
    }
  }
  /** What sync.sh kept of a directory. */
  #syncedEntries(directory: number): { inode: number; kind: string; name: string }[] {
    return read(join(this.dir, 'disk', `${directory}.entries`))
      .split('\n')
      .filter(Boolean)
      .map((entry) => ({
        inode: Number.parseInt(entry, 10),
        kind: entry.split(' ')[1] ?? '',
        name: entry.slice(entry.lastIndexOf('/') + 1),
      }));
  }
  #synced(inode: number): Buffer | undefined {
    const path = join(this.dir, 'disk', String(inode));
    return existsSync(path) ? readFileSync(path) : undefined;
  }

  async remove(): Promise<void> {
    await this.endProcesses();
    rmSync(this.dir, { recursive: true, force: true });
  }
}

/** Ends a process that may be gone already. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** The text of a file that may be gone. */
function read(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}
