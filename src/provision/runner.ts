import { setTimeout as delay } from 'node:timers/promises';
import { boundedText } from '../domain/bounded-text.ts';
import { ChandlerError, messageOf } from '../domain/failure.ts';
import { makeLaunch, sessionName, type Launch } from '../domain/ids.ts';
import { formatExit, type LaunchState } from '../domain/launch-state.ts';
import { plainText } from '../domain/terminal.ts';
import { Host } from '../host/host.ts';
import { installZmx, type ZmxSource } from '../host/install-zmx.ts';
import type { LogChunk, LogStart, Progress, SessionPlace } from '../host/launch.ts';
import { renderCheck, renderLaunchBody, renderSecrets } from '../host/launch-body.ts';
import { probeHost } from '../host/probe.ts';
import type { HostFacts } from '../host/facts.ts';
import type { Programs } from '../host/programs.ts';
import type { ZmxInstallation } from '../host/zmx-installation.ts';
import type { Command } from '../shell/index.ts';
import { upload, type Executor, type Outcome } from '../ssh/index.ts';
import {
  historyCommand,
  listCommand,
  parseSessionRows,
  safeName,
  lingerSeconds,
  type SessionRow,
} from '../zmx/index.ts';
import { scriptPath } from './script-formats.ts';

/** A step of a {@link Runner}. Go: `Step`. */
export interface RunnerStep {
  /** The name of its session, too. Go: `Step.Name`. */
  readonly name: string;
  /** Run by bash, or by the interpreter that its `#!` line names. Go: `Step.Script`. */
  readonly script: string;
  /**
   * For whoever orders the steps, to run once all have succeeded: {@link Runner.run} leaves it alone. Go: `Step.Finalize`.
   */
  readonly finalize?: string | undefined;
  readonly env?: Readonly<Record<string, string>> | undefined;
}

/** Where files of a host lie. Absolute paths. In Go they were constants. */
export interface RunnerPaths {
  /** Default: `provisioned` in the state directory. Go: /root/.pixels-provisioned. */
  readonly sentinel: string;
  /** A program that provisions the host by itself. Default: {@link scriptPath}. Go: /usr/local/bin/pixels-provision.sh. */
  readonly provisionScript: string;
}

/** What a {@link Runner} works with. */
export interface RunnerOptions {
  /** Reaches the host: {@link SshPool.executor}, or one of your own. */
  readonly executor: Executor;
  /** {@link loadPrograms} */
  readonly programs: Programs;
  /** {@link Runner.open} finds them out. */
  readonly facts: HostFacts;
  /** Names the launches: the same id means the same launches, a new one runs everything again. */
  readonly runId: string;
  /** One that {@link Runner.installZmx} returned earlier. */
  readonly zmx?: ZmxInstallation;
  readonly paths?: Partial<RunnerPaths>;
}

/** How steps are doing. Go: the two results of `Runner.PollStatus`. */
export interface PollStatus {
  /** `px-devtools done, px-egress running`: each step `pending`, `running`, `done`, `failed (exit N)` or `unreachable`. */
  readonly status: string;
  /** True when every step has ended, well or badly. */
  readonly done: boolean;
}

const START_BOUND_S = 10;
const CHECK_BOUND_S = 60;
/** 10 000 rows of scrollback, however wide: what is over the limit would be missing at its end. */
const MAX_SCREEN_BYTES = 64 * 1024 * 1024;
/** Of the names that a host lists. Characters. */
const MAX_STATUS_LENGTH = 4000;

/**
 * Provisions one host, step by step, over any {@link Executor}. Works with or without Temporal: the activities
 * call it, and a program may call it directly. Steps run beside one another; what depends on what, retries, finalizers and
 * the sentinel are the caller's. {@link Runner.open} makes one for a host that was not used before.
 *
 * Go: `Runner`.
 */
export class Runner {
  /** The host, launch by launch. */
  readonly host: Host;
  readonly facts: HostFacts;
  readonly #executor: Executor;
  readonly #runId: string;
  readonly #paths: RunnerPaths;
  #zmx: ZmxInstallation | undefined;

  /** For a host whose facts are known and whose programs are installed. Asks nothing. */
  constructor(options: RunnerOptions) {
    const { executor } = options;
    this.#executor = executor;
    this.host = new Host(
      executor,
      options.programs,
      (file) => upload(executor, file),
      options.facts.stateDir,
    );
    this.facts = options.facts;
    this.#runId = options.runId;
    this.#zmx = options.zmx;
    this.#paths = {
      sentinel: `${options.facts.stateDir}/provisioned`,
      provisionScript: scriptPath,
      ...options.paths,
    };
  }

  /**
   * Probes a host, makes its state directory and installs the host programs. `stateDir` is /var/lib/chandler for root and
   * ~/.local/state/chandler for others unless it is given. Safe to repeat.
   *
   * @throws ChandlerError host-unsupported, disk-full, state-directory-unwritable, connection-lost, or what the executor
   *   throws
   */
  static async open(
    options: Omit<RunnerOptions, 'facts'> & { stateDir?: string; signal?: AbortSignal },
  ): Promise<Runner> {
    const { facts, missingPrograms } = await probeHost(options.executor, options.programs, options);
    const runner = new Runner({ ...options, facts });
    if (missingPrograms) await runner.host.installPrograms();
    return runner;
  }

  /**
   * Makes sure that a zmx answers on the host. One that is there and new enough is used, never replaced; otherwise the one
   * for the host's CPU is taken from where `source` says, and not run unless its sha256 is right. Safe to repeat.
   *
   * Go: `Runner.InstallZmx`, which piped curl into tar without a checksum.
   *
   * @throws ChandlerError zmx-unavailable, zmx-checksum, invalid-input, host-unsupported, disk-full,
   *   state-directory-unwritable, connection-lost, or what the executor throws
   */
  async installZmx(source: ZmxSource = {}, signal?: AbortSignal): Promise<ZmxInstallation> {
    this.#zmx = await installZmx({
      ...source,
      executor: this.#executor,
      facts: this.facts,
      upload: (file) => upload(this.#executor, file, signal),
      ...(signal && { signal }),
    });
    return this.#zmx;
  }

  /**
   * Starts a step in its own session and returns at once. Asking twice starts it once.
   *
   * Go: `Runner.Run`.
   *
   * @throws ChandlerError `starting NAME: …`, with the code of what went wrong: zmx-unavailable before
   *   {@link Runner.installZmx}, launch-not-started if the session's shell did not begin it within 10 s, launch-conflict,
   *   invalid-input for a name that no session can have
   */
  async run(step: RunnerStep): Promise<void> {
    try {
      const state = await this.startLaunch(this.#launch(step.name), {
        script: step.script,
        env: step.env ?? {},
      });
      if (state.kind === 'created')
        throw new ChandlerError('launch-not-started', 'its session never began it');
    } catch (error) {
      throw prefixed(`starting ${step.name}`, error);
    }
  }

  /**
   * Waits until all the named steps have ended, however long that takes. No names, no wait.
   *
   * Go: `Runner.Wait`.
   *
   * @throws ChandlerError step-failed `one or more provisioning steps failed (exit N)`, with the first of them in its facts;
   *   otherwise `waiting for steps: …`, with the code of what went wrong
   */
  async wait(...names: string[]): Promise<void> {
    const states = await Promise.all(
      names.map((name) =>
        this.waitLaunch(this.#launch(name)).catch((error: unknown) => {
          throw prefixed('waiting for steps', error);
        }),
      ),
    );
    for (const [i, state] of states.entries()) {
      if (state.kind === 'exited' && state.code === 0) continue;
      const how = state.kind === 'exited' ? formatExit(state.code) : state.kind;
      throw new ChandlerError('step-failed', `one or more provisioning steps failed (${how})`, {
        facts: { step: names[i] ?? '', ...(state.kind === 'exited' && { exitCode: state.code }) },
      });
    }
  }

  /**
   * What `zmx list` prints, trimmed: {@link parseSessions} reads it.
   *
   * Go: `Runner.List`.
   *
   * @throws ChandlerError `listing zmx sessions: …`, zmx-unavailable or connection-lost
   */
  async list(signal?: AbortSignal): Promise<string> {
    return (await this.#ask('listing zmx sessions', (zmx) => listCommand(zmx), signal)).trim();
  }

  /**
   * The screen and scrollback of a step's session: what a terminal of its size still shows. {@link Runner.readLog} reads all
   * that was printed.
   *
   * Go: `Runner.History`.
   *
   * @throws ChandlerError `getting history for NAME: …`, zmx-unavailable (also for a session that is not there),
   *   connection-lost or invalid-input
   */
  async history(name: string): Promise<string> {
    return this.#ask(`getting history for ${name}`, (zmx) => historyCommand(zmx, name));
  }

  /**
   * How the named steps are doing, in that order; `{ status: '', done: false }` while zmx cannot be asked. Never throws. Of
   * what this runner has started the host's own records count: a step can make zmx tell another end, by a label or by
   * printing what zmx looks for.
   *
   * Go: `Runner.PollStatus`, which called a session that does not answer running; here it is `unreachable`.
   */
  async pollStatus(names: readonly string[]): Promise<PollStatus> {
    let rows: SessionRow[];
    let launches: ReadonlyMap<string, LaunchState>;
    try {
      rows = parseSessionRows(await this.list());
      launches = await this.host.states(names.map((name) => this.#launch(name).id));
    } catch {
      return { status: '', done: false };
    }
    const states = names.map((name) => {
      const launch = launches.get(this.#launch(name).id);
      if (launch?.kind === 'exited') return launch.code === 0 ? 'done' : `failed (exit ${launch.code})`;
      if (launch?.kind === 'interrupted') return 'failed (exit unknown)';
      if (launch?.kind === 'running') return 'running';
      return describeRow(rows.find((row) => row.name === name));
    });
    return {
      status: names.map((name, i) => `${name} ${states[i]}`).join(', '),
      done: states.every((state) => state === 'done' || state?.startsWith('failed')),
    };
  }

  /**
   * True if the sentinel is there; false also when the host cannot be asked. Never throws.
   *
   * Go: `Runner.IsProvisioned`.
   */
  async isProvisioned(signal?: AbortSignal): Promise<boolean> {
    try {
      return (await this.host.readSentinel(this.#paths.sentinel, signal && { signal })) !== undefined;
    } catch {
      return false;
    }
  }

  /**
   * Whether the host has a program that provisions it by itself: an executable file at `paths.provisionScript`.
   *
   * Go: `Runner.HasProvisionScript`, which said no when the host could not be asked.
   *
   * @throws ChandlerError connection-lost, or what the executor throws, when the host cannot be asked: that is not "no script"
   */
  async hasProvisionScript(signal?: AbortSignal): Promise<boolean> {
    return this.host.isExecutable(this.#paths.provisionScript, signal);
  }

  /**
   * Waits for a host that provisions itself. Returns at once if it is provisioned or has no such program;
   * otherwise tells `setStatus` how its sessions are doing (`NAME running, NAME done`; empty while zmx cannot be asked) until
   * the sentinel is there. It looks every `intervalMs` milliseconds (default 1000). A host that fails never gets a sentinel:
   * bound the wait by `signal`, or let {@link ChandlerClient.watch} follow the host.
   *
   * Go: `Runner.WaitProvisioned`, which took a host that could not be asked for one without such a program.
   *
   * @throws ChandlerError as {@link Runner.hasProvisionScript}; the signal's reason once it is aborted
   */
  async waitProvisioned(
    setStatus: (status: string) => void,
    options: { signal?: AbortSignal; intervalMs?: number } = {},
  ): Promise<void> {
    try {
      await this.#awaitSentinel(setStatus, options);
    } catch (error) {
      // What was under way then fails in all sorts of ways.
      options.signal?.throwIfAborted();
      throw error;
    }
  }

  async #awaitSentinel(
    setStatus: (status: string) => void,
    { signal, intervalMs = 1000 }: { signal?: AbortSignal; intervalMs?: number },
  ): Promise<void> {
    if (await this.isProvisioned(signal)) return;
    signal?.throwIfAborted();
    if (!(await this.hasProvisionScript(signal))) return;
    do {
      const rows = await this.list(signal).then(parseSessionRows, () => []);
      signal?.throwIfAborted();
      const status = rows.map((row) => `${row.name} ${describeRow(row)}`).join(', ');
      setStatus(plainText(boundedText(status, MAX_STATUS_LENGTH)).replaceAll(/\s+/g, ' '));
      await delay(intervalMs, undefined, signal && { signal });
    } while (!(await this.isProvisioned(signal)));
  }

  /**
   * Creates and starts a launch; a finalizer gets no session. Safe to repeat. `secrets` become variables of
   * the script and are starred in its log. `attempt` counts the orders to start this launch: each has 10 s more than the
   * one before. `created` means that it did not begin in time.
   *
   * @throws ChandlerError zmx-unavailable before {@link Runner.installZmx}, invalid-input, launch-conflict, disk-full,
   *   connection-lost, or what the executor throws
   */
  async startLaunch(
    launch: Launch,
    work: {
      script: string;
      env: Readonly<Record<string, string>>;
      secrets?: Readonly<Record<string, string>>;
    },
    options: { attempt?: number; signal?: AbortSignal } = {},
  ): Promise<LaunchState> {
    const place = this.place(launch);
    if (place) safeName(place, place.session);
    const linger = place && this.#zmx ? lingerSeconds(this.#zmx.version) : 0;
    await this.host.create(launch.id, renderLaunchBody(launch, work, linger), options.signal);
    return this.host.start(launch.id, {
      ...(place && { place }),
      secrets: renderSecrets(work.secrets ?? {}),
      // A slow login profile gets more time with each attempt.
      boundS: START_BOUND_S * (options.attempt ?? 1),
      ...(options.signal && { signal: options.signal }),
    });
  }

  /**
   * Waits until a launch has ended, however that was. `created` means that it had not begun within 10 s. `onProgress` hears
   * from time to time how its log grows.
   *
   * @throws ChandlerError connection-lost, or what the executor throws; the signal's reason once it is aborted
   */
  async waitLaunch(
    launch: Launch,
    options: { signal?: AbortSignal; onProgress?: (progress: Progress) => void } = {},
  ): Promise<LaunchState> {
    return this.host.wait(launch.id, { boundS: START_BOUND_S, ...options });
  }

  /**
   * Ends everything a launch left running, and its session unless that is to be kept for a person: TERM, `graceS` seconds,
   * KILL. `found` counts its processes, `left` those that would not die.
   *
   * @throws ChandlerError connection-lost, or what the executor throws
   */
  async killLaunch(
    launch: Launch,
    graceS: number,
    { keepSession = false }: { keepSession?: boolean } = {},
  ): Promise<{ found: number; left: number; state: LaunchState }> {
    const place = keepSession ? undefined : this.place(launch);
    return this.host.kill(launch.id, { graceS, ...(place && { place }) });
  }

  /**
   * Bytes of the log of a launch: all that it printed, as it was printed. `offset` is where to begin, in bytes, or if negative
   * how far from the end; or a time or a number of lines. Where there is nothing to read yet, it waits `followS` seconds
   * for a byte to come. `before` is how many of the bytes before are wanted, too.
   *
   * @throws ChandlerError connection-lost, or what the executor throws; the signal's reason once it is aborted
   */
  async readLog(
    launch: Launch,
    offset: number | LogStart,
    maxBytes: number,
    followS = 0,
    signal?: AbortSignal,
    before = 0,
  ): Promise<LogChunk> {
    return this.host.log(launch.id, offset, maxBytes, followS, signal, before);
  }

  /**
   * True if `check` exits with 0, so that the step need not run. One that takes longer than a minute says no.
   *
   * @throws ChandlerError connection-lost, or what the executor throws; the signal's reason once it is aborted
   */
  async isSatisfied(
    check: string,
    env: Readonly<Record<string, string>>,
    launch: Launch,
    signal?: AbortSignal,
  ): Promise<boolean> {
    return (await this.host.check(launch.id, renderCheck(check, env), CHECK_BOUND_S, signal)) === 0;
  }

  /** Where the session of a launch is; a finalizer has none. @throws ChandlerError zmx-unavailable before {@link Runner.installZmx} */
  place(launch: Launch): SessionPlace | undefined {
    const session = sessionName(launch);
    return session === undefined ? undefined : { session, ...this.#invocation() };
  }

  #launch(name: string): Launch {
    return makeLaunch(this.#runId, name, 'step', 1);
  }

  #invocation(): { zmxPath: string; zmxDir: string } {
    if (!this.#zmx) throw new ChandlerError('zmx-unavailable', 'zmx is not installed yet');
    return { zmxPath: this.#zmx.path, zmxDir: this.facts.zmxDir };
  }

  async #ask(
    what: string,
    command: (zmx: { zmxPath: string; zmxDir: string }) => Command,
    signal?: AbortSignal,
  ): Promise<string> {
    let outcome: Outcome;
    try {
      outcome = await this.#executor.exec(command(this.#invocation()), {
        maxOutputBytes: MAX_SCREEN_BYTES,
        ...(signal && { signal }),
      });
    } catch (error) {
      throw prefixed(what, error);
    }
    if (outcome.kind === 'lost') throw new ChandlerError('connection-lost', `${what}: ${outcome.reason}`);
    if (outcome.kind === 'exited' && outcome.code === 0) return outcome.stdout;
    const how = outcome.kind === 'exited' ? formatExit(outcome.code) : outcome.signal;
    throw new ChandlerError('zmx-unavailable', `${what}: ${how} ${outcome.stderr.trim()}`.trimEnd());
  }
}

function describeRow(row: SessionRow | undefined): string {
  if (!row) return 'pending';
  if (row.state !== 'ended') return row.state;
  return row.exitCode === '0' ? 'done' : `failed (exit ${row.exitCode || 'unknown'})`;
}

function prefixed(what: string, error: unknown): ChandlerError {
  const message = `${what}: ${messageOf(error)}`;
  if (!(error instanceof ChandlerError))
    return new ChandlerError('connection-lost', message, { cause: error });
  return new ChandlerError(error.code, message, { cause: error, facts: error.facts });
}
