import { setTimeout as delay } from 'node:timers/promises';
import { boundedText } from '../domain/text/bounded-text.ts';
import { ChandlerError, messageOf } from '../domain/run/failure.ts';
import { makeLaunch, type Launch } from '../domain/run/ids.ts';
import { formatExit, hasSucceeded, type LaunchState } from '../domain/run/launch-state.ts';
import { plainText } from '../domain/text/plain-text.ts';
import { Host, type HostOptions } from '../host/host.ts';
import { installZmx, type ZmxSource } from '../host/install-zmx.ts';
import { notStarted } from '../host/not-started.ts';
import { openHost } from '../host/open-host.ts';
import type { HostFacts } from '../host/host-facts.ts';
import { startLaunch } from '../host/start-launch.ts';
import type { ZmxInstallation } from '../host/zmx-installation.ts';
import type { Command } from '../shell/index.ts';
import { capture, type Executor } from '../ssh/index.ts';
import { historyCommand, listCommand, parseSessionRows, type SessionRow } from '../zmx/index.ts';
import { scriptPath } from '../self-provision/script-formats.ts';
import { definedOnly } from '../domain/defined-only.ts';

/** A step of a {@link Runner}. */
export interface RunnerStep {
  /** Also the name of its session. */
  readonly name: string;
  /** Run by bash, or by the interpreter that its `#!` line names. */
  readonly script?: string | undefined;
  /** {@link Runner.run} refuses a step with files, because it does not place them. */
  readonly files?: readonly unknown[] | undefined;
  /** The caller runs this once all steps have succeeded; {@link Runner.run} ignores it. */
  readonly finalize?: string | undefined;
  readonly env?: Readonly<Record<string, string>> | undefined;
}

/** Absolute paths of files on a host. */
export interface RunnerPaths {
  /** Default: `provisioned` in the state directory. */
  readonly sentinel: string;
  /** A program that provisions the host by itself. Default: {@link scriptPath}. */
  readonly provisionScript: string;
}

/** What a {@link Runner} needs. */
export interface RunnerOptions extends HostOptions {
  /** Found by {@link Runner.open}. */
  readonly facts: HostFacts;
  /** Names the launches: the same id means the same launches, a new one runs everything again. */
  readonly runId: string;
  readonly paths?: Partial<RunnerPaths>;
}

/** How steps are doing. */
export interface PollStatus {
  /** `px-devtools done, px-egress running`: each step `pending`, `running`, `done`, `failed (exit N)` or `unreachable`. */
  readonly status: string;
  /** True when every step has ended, well or badly. */
  readonly done: boolean;
}

/** Enough for 10 000 rows of scrollback. Output over the limit would lose its end. */
const MAX_SCREEN_BYTES = 64 * 1024 * 1024;
/** The length of the list of sessions in a status, in characters. */
const MAX_STATUS_LENGTH = 4000;

/**
 * Provisions one host, step by step, over any {@link Executor}, without Temporal. Steps run in parallel; dependencies, retries,
 * finalizers and the sentinel are up to the caller. {@link Runner.open} creates one for a new host.
 */
export class Runner {
  /** Gives access to single launches. */
  readonly host: Host;
  readonly facts: HostFacts;
  readonly #executor: Executor;
  readonly #runId: string;
  readonly #paths: RunnerPaths;

  /** For a host whose facts are known and whose programs are installed. Does not contact the host. */
  constructor(options: RunnerOptions) {
    this.#executor = options.executor;
    this.host = new Host(options);
    this.facts = options.facts;
    this.#runId = options.runId;
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
   * @throws ChandlerError host-unsupported, disk-full, state-directory-unwritable, connection-lost, or what the executor throws
   */
  static async open(
    options: Omit<RunnerOptions, 'facts'> & { stateDir?: string; signal?: AbortSignal },
  ): Promise<Runner> {
    const { facts } = await openHost(options);
    return new Runner({ ...options, facts });
  }

  /**
   * Makes sure that a zmx answers on the host. A zmx on the host that is new enough is used, never replaced; otherwise the one
   * for the host's CPU is fetched from `source` and run only if its sha256 is right. Safe to repeat.
   *
   * @throws ChandlerError zmx-unavailable, zmx-checksum, invalid-input, host-unsupported, disk-full, state-directory-unwritable,
   * connection-lost, or what the executor throws
   */
  async installZmx(source: ZmxSource = {}, signal?: AbortSignal): Promise<ZmxInstallation> {
    this.host.zmx = await installZmx({ ...source, executor: this.#executor, facts: this.facts, signal });
    return this.host.zmx;
  }

  /**
   * Starts a step in its own session and returns at once. A second call does not start it again.
   *
   * @throws ChandlerError `starting NAME: …`, with the code of the failure: zmx-unavailable before {@link Runner.installZmx};
   * launch-not-started if the session's shell did not begin it within 10 s (call again if the login takes longer: the session is
   * kept) or cannot begin it; launch-conflict; invalid-input for a name that no session can have, and for a step with files
   */
  async run(step: RunnerStep): Promise<void> {
    try {
      const { name, script, files = [], env = {} } = step;
      if (script === undefined || files.length > 0)
        throw new ChandlerError('invalid-input', 'a runner needs a script, and places no files');
      const state = await startLaunch(this.host, this.#launch(name), { script, env });
      if (state.kind === 'created') throw notStarted('its session', state.waiting);
    } catch (error) {
      throw prefixed(`starting ${step.name}`, error);
    }
  }

  /**
   * Waits until all the named steps have ended, however long that takes. Returns at once without names.
   *
   * @throws ChandlerError step-failed `one or more provisioning steps failed (exit N)`, with the first of them in its facts;
   * otherwise `waiting for steps: …`, with the code of the failure
   */
  async wait(...names: string[]): Promise<void> {
    const states = await Promise.all(
      names.map((name) =>
        this.host.wait(this.#launch(name).id).catch((error: unknown) => {
          throw prefixed('waiting for steps', error);
        }),
      ),
    );
    for (const [i, state] of states.entries()) {
      if (hasSucceeded(state)) continue;
      const code = state.kind === 'exited' && !state.killed ? state.code : undefined;
      const killed = state.kind === 'exited' ? 'killed' : state.kind;
      const how = code === undefined ? killed : formatExit(code);
      throw new ChandlerError('step-failed', `one or more provisioning steps failed (${how})`, {
        facts: definedOnly({
          step: names[i] ?? '',
          exitCode: code,
        }),
      });
    }
  }

  /**
   * Returns what `zmx list` prints, trimmed; {@link parseSessions} reads it.
   *
   * @throws ChandlerError `listing zmx sessions: …`, zmx-unavailable or connection-lost
   */
  async list(signal?: AbortSignal): Promise<string> {
    return (await this.#ask('listing zmx sessions', (zmx) => listCommand(zmx), signal)).trim();
  }

  /**
   * Returns the screen and scrollback of a step's session: what a terminal of its size still shows. {@link Host.log} reads the
   * whole output.
   *
   * @throws ChandlerError `getting history for NAME: …`, zmx-unavailable (also for a session that does not exist),
   * connection-lost or invalid-input
   */
  async history(name: string): Promise<string> {
    return this.#ask(`getting history for ${name}`, (zmx) => historyCommand(zmx, name));
  }

  /**
   * Returns how the named steps are doing, in that order; `{ status: '', done: false }` while zmx does not respond. Never throws.
   * For steps that this runner has started, the host's own records count, because a step can make zmx show a false end by a label
   * or by what it prints.
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
      if (hasSucceeded(launch)) return 'done';
      if (launch?.kind === 'exited') return `failed (${launch.killed ? 'killed' : `exit ${launch.code}`})`;
      if (launch?.kind === 'interrupted') return 'failed (exit unknown)';
      if (launch?.kind === 'running') return 'running';
      return describeRow(rows.find((row) => row.name === name));
    });
    return {
      status: names.map((name, i) => `${name} ${states[i]}`).join(', '),
      done: states.every((state) => state === 'done' || state?.startsWith('failed')),
    };
  }

  /** Returns true if the sentinel exists; false also when the host cannot be reached. Never throws. */
  async isProvisioned(signal?: AbortSignal): Promise<boolean> {
    try {
      return (await this.host.readSentinel(this.#paths.sentinel, signal)) !== undefined;
    } catch {
      return false;
    }
  }

  /**
   * Returns whether the host has a program that provisions it by itself: an executable file at `paths.provisionScript`.
   *
   * @throws ChandlerError connection-lost, or what the executor throws, when the host cannot be reached: that does not mean "no
   * script"
   */
  async hasProvisionScript(signal?: AbortSignal): Promise<boolean> {
    return this.host.isExecutable(this.#paths.provisionScript, signal);
  }

  /**
   * Waits for a host that provisions itself. Returns at once if it is provisioned or has no such program; otherwise reports the
   * state of its sessions to `setStatus` (`NAME running, NAME done`; empty while zmx does not respond) until the sentinel exists.
   * It polls every `intervalMs` milliseconds (default 1000). A host that fails never gets a sentinel: bound the wait by `signal`,
   * or let {@link ChandlerClient.watch} follow the host.
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
      // After an abort, pending requests fail with arbitrary errors.
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

  #launch(name: string): Launch {
    return makeLaunch(this.#runId, name, 'step', 1);
  }

  async #ask(
    what: string,
    command: (zmx: { zmxPath: string; zmxDir: string }) => Command,
    signal?: AbortSignal,
  ): Promise<string> {
    let captured: Awaited<ReturnType<typeof capture>>;
    try {
      captured = await capture(this.#executor, command(this.host.invocation()), {
        maxOutputBytes: MAX_SCREEN_BYTES,
        signal,
      });
    } catch (error) {
      throw prefixed(what, error);
    }
    const { code, stdout, stderr } = captured;
    if (code === 0) return stdout;
    const message = `${what}: ${formatExit(code)} ${stderr.trim()}`.trimEnd();
    throw new ChandlerError('zmx-unavailable', message);
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
