import { setTimeout as delay } from 'node:timers/promises';
import { boundedText } from '../domain/bounded-text.ts';
import { ChandlerError } from '../domain/failure.ts';
import { makeLaunch, sessionName, type Launch } from '../domain/ids.ts';
import { formatExit, type LaunchState } from '../domain/launch-state.ts';
import { plainText } from '../domain/terminal.ts';
import { Host, type LogChunk, type Progress, type SessionPlace } from '../host/host.ts';
import { installZmx, type ZmxSource } from '../host/install-zmx.ts';
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
  zmxTraits,
  type SessionRow,
} from '../zmx/index.ts';

/** A step as the Go package had it. */
export interface RunnerStep {
  readonly name: string;
  readonly script: string;
  /** Run after all steps have succeeded; not a session. */
  readonly finalize?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Where files of a host lie; the defaults are Chandler's own. */
export interface RunnerPaths {
  readonly sentinel: string;
  /** A program that provisions the host by itself; see {@link Runner.hasProvisionScript}. */
  readonly provisionScript: string;
}

export interface RunnerOptions {
  readonly executor: Executor;
  readonly programs: Programs;
  readonly facts: HostFacts;
  /** Names the launches: the same id means the same launches, a new one runs everything again. */
  readonly runId: string;
  readonly zmx?: ZmxInstallation;
  readonly paths?: Partial<RunnerPaths>;
}

export interface PollStatus {
  /** `px-devtools done, px-egress running` */
  readonly status: string;
  /** True when every step has ended, well or badly. */
  readonly done: boolean;
}

const DEFAULT_PATHS: RunnerPaths = {
  sentinel: '/var/lib/chandler/provisioned',
  provisionScript: '/usr/local/bin/chandler-provision.sh',
};
const START_BOUND_S = 10;
const CHECK_BOUND_S = 60;
/** Of the names that a host lists. Characters. */
const MAX_STATUS_LENGTH = 4000;

/**
 * Provisions one host, step by step, over any {@link Executor}. Works with or without Temporal: the activities
 * call it, and a program may call it directly.
 */
export class Runner {
  readonly host: Host;
  readonly facts: HostFacts;
  readonly #executor: Executor;
  readonly #runId: string;
  readonly #paths: RunnerPaths;
  #zmx: ZmxInstallation | undefined;

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
    this.#paths = { ...DEFAULT_PATHS, ...options.paths };
  }

  /**
   * Probes a host, makes its state directory and installs the host programs.
   *
   * @throws ChandlerError host-unsupported, disk-full, state-directory-unwritable, or what the executor throws
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
   * Makes sure that a zmx answers on the host. One that is there and new enough is used, never replaced.
   *
   * @throws ChandlerError zmx-unavailable, zmx-checksum, host-unsupported, disk-full
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
   * @throws ChandlerError `starting NAME: …`
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
   * Waits until all the named steps have ended.
   *
   * @throws ChandlerError step-failed `one or more provisioning steps failed (exit N)`; otherwise `waiting for steps: …`
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

  /** What `zmx list` prints, trimmed. @throws ChandlerError `listing zmx sessions: …` */
  async list(): Promise<string> {
    return this.#ask('listing zmx sessions', (zmx) => listCommand(zmx));
  }

  /** The scrollback of a step's session. @throws ChandlerError `getting history for NAME: …` */
  async history(name: string): Promise<string> {
    return this.#ask(`getting history for ${name}`, (zmx) => historyCommand(zmx, name));
  }

  /** How the named steps are doing, in that order; `{ status: '', done: false }` while zmx cannot be asked. */
  async pollStatus(names: readonly string[]): Promise<PollStatus> {
    let rows: SessionRow[];
    try {
      rows = parseSessionRows(await this.list());
    } catch {
      return { status: '', done: false };
    }
    const states = names.map((name) => describeRow(rows.find((row) => row.name === name)));
    return {
      status: names.map((name, i) => `${name} ${states[i]}`).join(', '),
      done: states.every((state) => state === 'done' || state?.startsWith('failed')),
    };
  }

  /** True if the sentinel is there; false also when the host cannot be asked. */
  async isProvisioned(): Promise<boolean> {
    try {
      return (await this.host.readSentinel(this.#paths.sentinel)) !== undefined;
    } catch {
      return false;
    }
  }

  /**
   * Whether the host has a program that provisions it by itself.
   *
   * @throws ChandlerError when the host cannot be asked: that is not the same as "no script"
   */
  async hasProvisionScript(): Promise<boolean> {
    return this.host.isExecutable(this.#paths.provisionScript);
  }

  /**
   * Waits for a host that provisions itself. Returns at once if it is provisioned or has no such program;
   * otherwise tells `setStatus` how its sessions are doing until the sentinel is there.
   *
   * @throws the signal's reason once it is aborted
   */
  async waitProvisioned(
    setStatus: (status: string) => void,
    options: { signal?: AbortSignal; intervalMs?: number } = {},
  ): Promise<void> {
    if ((await this.isProvisioned()) || !(await this.hasProvisionScript())) return;
    do {
      options.signal?.throwIfAborted();
      const rows = await this.list().then(parseSessionRows, () => []);
      const status = rows.map((row) => `${row.name} ${describeRow(row)}`).join(', ');
      setStatus(plainText(boundedText(status, MAX_STATUS_LENGTH)).replaceAll(/\s+/g, ' '));
      await delay(
        options.intervalMs ?? 1000,
        undefined,
        options.signal ? { signal: options.signal } : {},
      ).catch((error: unknown) => {
        options.signal?.throwIfAborted();
        throw error;
      });
    } while (!(await this.isProvisioned()));
  }

  /** Creates and starts a launch; a finalizer gets no session. Safe to repeat. */
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
    const linger = place && this.#zmx ? zmxTraits(this.#zmx.version).lingerSeconds : 0;
    await this.host.create(launch.id, renderLaunchBody(launch, work, linger), options.signal);
    return this.host.start(launch.id, {
      ...(place && { place }),
      secrets: renderSecrets(work.secrets ?? {}),
      // A slow login profile gets more time with each attempt.
      boundS: START_BOUND_S * (options.attempt ?? 1),
      ...(options.signal && { signal: options.signal }),
    });
  }

  /** Blocks until a launch has ended, however that was. */
  async waitLaunch(
    launch: Launch,
    options: { signal?: AbortSignal; onProgress?: (progress: Progress) => void } = {},
  ): Promise<LaunchState> {
    return this.host.wait(launch.id, { boundS: START_BOUND_S, ...options });
  }

  /** Ends everything a launch left running, and its session unless that is to be kept for a person. */
  async killLaunch(
    launch: Launch,
    graceS: number,
    { keepSession = false }: { keepSession?: boolean } = {},
  ): Promise<{ found: number; left: number; state: LaunchState }> {
    const place = keepSession ? undefined : this.place(launch);
    return this.host.kill(launch.id, { graceS, ...(place && { place }) });
  }

  async readLog(
    launch: Launch,
    offset: number,
    maxBytes: number,
    followS = 0,
    signal?: AbortSignal,
  ): Promise<LogChunk> {
    return this.host.log(launch.id, offset, maxBytes, followS, signal);
  }

  /** True if the step is already satisfied, so that it need not run. A check that takes longer than a minute says no. */
  async isSatisfied(
    check: string,
    env: Readonly<Record<string, string>>,
    launch: Launch,
    signal?: AbortSignal,
  ): Promise<boolean> {
    return (await this.host.check(launch.id, renderCheck(check, env), CHECK_BOUND_S, signal)) === 0;
  }

  /** Where the session of a launch is. @throws ChandlerError zmx-unavailable before zmx is installed */
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

  async #ask(what: string, command: (zmx: { zmxPath: string; zmxDir: string }) => Command): Promise<string> {
    let outcome: Outcome;
    try {
      outcome = await this.#executor.exec(command(this.#invocation()));
    } catch (error) {
      throw prefixed(what, error);
    }
    if (outcome.kind === 'lost') throw new ChandlerError('connection-lost', `${what}: ${outcome.reason}`);
    if (outcome.kind === 'exited' && outcome.code === 0) return outcome.stdout.trim();
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
  const message = `${what}: ${error instanceof Error ? error.message : String(error)}`;
  if (!(error instanceof ChandlerError))
    return new ChandlerError('connection-lost', message, { cause: error });
  return new ChandlerError(error.code, message, { cause: error, facts: error.facts });
}
