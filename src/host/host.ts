import type { BootEvent } from '../domain/run/boot-event.ts';
import type { LaunchState } from '../domain/run/launch-state.ts';
import { ChandlerError } from '../domain/run/failure.ts';
import { sessionName, type Launch } from '../domain/run/ids.ts';
import type { CallOptions } from '../ssh/call.ts';
import { SHORT_BYTES } from '../ssh/upload.ts';
import type { Executor } from '../ssh/executor.ts';
import { parseBootAnswer, type BootAnswer } from './boot-answer.ts';
import {
  bodyInput,
  launchInput,
  leaseAnswer,
  logChunk,
  placeWords,
  sentinelContent,
  START_BOUND_S,
  startState,
  startWords,
  turnsOf,
  hostRecords,
  type HostRecords,
  type LeaseAnswer,
  type PrepareOptions,
  type StartOptions,
} from './host-answers.ts';
import { requireAnswer, readCount, readText } from './read-answer.ts';
import type { HostFacts } from './host-facts.ts';
import { HostProgram } from './host-program.ts';
import type { CheckOptions, LaunchBody, LogChunk, LogOptions, SessionPlace, WaitOptions } from './launch.ts';
import { parseLaunchState, parseLaunchStates, progressReader } from './parse-launch-state.ts';
import type { Programs } from './programs.ts';
import { recordWord } from './recorded-parts.ts';
import { parseScriptState, type ScriptState } from './script-state.ts';
import { sha256Of } from './sha256.ts';
import type { ZmxInstallation } from './zmx-installation.ts';

const SHORT = { isShortUntil: 'end' } as const;

/** A host, and what is known about it. */
export interface HostOptions {
  readonly executor: Executor;
  readonly programs: Programs;
  readonly facts: Pick<HostFacts, 'stateDir' | 'zmxDir'> & Partial<Pick<HostFacts, 'tools'>>;
  readonly zmx?: ZmxInstallation | undefined;
}

/**
 * The launch protocol of one host, also `runner.host` of a {@link Runner}. Every method asks the host; none caches.
 *
 * Each method may throw {@link ChandlerError} `connection-lost` (the request may have taken effect: repeat it), `disk-full`,
 * `state-directory-unwritable`, `host-unsupported` and what {@link Executor.exec} throws; with `signal`, the signal's reason.
 * Paths are absolute; `id` is the id of a launch.
 */
export class Host {
  readonly stateDir: string;
  /** Whether the host is known to have the `script` of util-linux. */
  readonly hasScript: boolean;
  /** Missing until zmx is installed. */
  zmx: ZmxInstallation | undefined;
  readonly #zmxDir: string;
  readonly #program: HostProgram;

  /** Does not contact the host. */
  constructor({ executor, programs, facts, zmx }: HostOptions) {
    this.stateDir = facts.stateDir;
    this.zmx = zmx;
    this.#zmxDir = facts.zmxDir;
    this.hasScript = facts.tools?.includes('script') ?? false;
    this.#program = new HostProgram(executor, programs, facts.stateDir);
  }

  /** The session of a launch; a finalizer has none. @throws ChandlerError zmx-unavailable before zmx is installed */
  place(launch: Launch): SessionPlace | undefined {
    const place = this.placeToEnd(launch);
    return place && { ...place, ...this.invocation() };
  }

  /** Like {@link Host.place}, to end a session. The host knows which zmx made it, so none need be installed. */
  placeToEnd(launch: Launch): SessionPlace | undefined {
    const session = sessionName(launch);
    if (session === undefined) return undefined;
    return { session, zmxPath: this.zmx?.path ?? '', zmxDir: this.#zmxDir };
  }

  /** The program and directory of zmx. @throws ChandlerError zmx-unavailable before zmx is installed */
  invocation(): Omit<SessionPlace, 'session'> {
    if (!this.zmx) throw new ChandlerError('zmx-unavailable', 'zmx is not installed yet');
    return { zmxPath: this.zmx.path, zmxDir: this.#zmxDir };
  }

  /** Installs the host programs. */
  async installPrograms(): Promise<void> {
    await this.#program.install();
  }

  /** Creates the launch's directory atomically, unless it exists. */
  async create(id: string, body: LaunchBody, signal?: AbortSignal): Promise<LaunchState> {
    const { words, stdin } = bodyInput(body);
    return this.#state('create', [id, ...words], { stdin, signal });
  }

  /**
   * Starts a launch. Safe to repeat. `created` means that it did not begin within `boundS` seconds, or cannot begin. A repeated
   * start keeps a session whose login shell still runs.
   *
   * @throws ChandlerError launch-conflict if another session has the name
   */
  async start(id: string, options: StartOptions): Promise<LaunchState> {
    const { secrets, signal } = options;
    const words = [id, ...startWords(this.#program.supervisorPath, options)];
    return startState(await this.#program.ask('start', words, { stdin: secrets, signal }));
  }

  /** {@link Host.create}, {@link Host.start} and a short {@link Host.wait} in one call. */
  async launch(id: string, body: LaunchBody, options: StartOptions): Promise<LaunchState> {
    const { words, stdin } = launchInput(id, body, options);
    const all = [...words, ...startWords(this.#program.supervisorPath, options)];
    const onProgress = progressReader(options.onProgress);
    const isShortUntil = stdin.length <= SHORT_BYTES ? 'first-answer' : undefined;
    const { signal } = options;
    return startState(await this.#program.ask('launch', all, { stdin, isShortUntil, signal, onProgress }));
  }

  /**
   * Blocks until the launch has ended. `created` means that it had not begun within `boundS` seconds, `running` that it ran on after
   * `forS` seconds. Reports progress every `everyS` seconds.
   */
  async wait(id: string, options: WaitOptions = {}): Promise<LaunchState> {
    const { boundS = START_BOUND_S, everyS = 2, forS, signal } = options;
    const words = [id, boundS, everyS, turnsOf(everyS, forS)].map(String);
    return this.#state('wait', words, { onProgress: progressReader(options.onProgress), signal });
  }

  /** The state of a launch. */
  async state(id: string): Promise<LaunchState> {
    return this.#state('state', [id], SHORT);
  }

  /**
   * Ends every process of the launch (TERM, `graceS` seconds, KILL), and its session if `place` is given. `left` counts processes that
   * did not end.
   */
  async kill(
    id: string,
    options: { graceS: number; place?: SessionPlace | undefined },
  ): Promise<{ found: number; left: number; state: LaunchState }> {
    const args = [id, String(options.graceS), ...placeWords(options.place)];
    const answers = await this.#program.ask('kill', args, { isShortUntil: 'first-answer' });
    const state = parseLaunchState(requireAnswer(answers, 'state', 'kill'));
    const killed = requireAnswer(answers, 'killed', 'kill');
    return { found: readCount(killed, 'found'), left: readCount(killed, 'left'), state };
  }

  /** Closes the session of a launch that has ended. */
  async close(id: string, place: SessionPlace): Promise<void> {
    await this.#program.ask('close', [place.session, id, place.zmxPath, place.zmxDir]);
  }

  /** Reads bytes of the log, as the launch printed them. Waits up to `followS` seconds for new output. See {@link LogOptions}. */
  async log(id: string, options: LogOptions): Promise<LogChunk> {
    const { start, maxBytes, followS = 0, before = 0, signal } = options;
    const { sinceS = '', tailLines = '' } = typeof start === 'number' ? {} : start;
    const offset = typeof start === 'number' ? start : 0;
    const answers = await this.#program.ask(
      'log',
      [id, ...[offset, maxBytes, followS, before, sinceS, tailLines].map(String)],
      { signal },
    );
    return logChunk(answers, options);
  }

  /** Runs a short script without a session, before the launch. Returns its exit code; 124 after `boundS` seconds. */
  async check(id: string, script: string, options: CheckOptions): Promise<number> {
    const { boundS, record, lease = '', signal } = options;
    const words = [id, String(boundS), ...(record ? [`=${record.former}`, lease, recordWord(record)] : [])];
    return readCount(await this.#answer('check', 'check', words, { stdin: script, signal }), 'code');
  }

  /** Blocks until the event is over, or for `boundS` seconds. */
  async awaitBoot(event: BootEvent, boundS: number, signal?: AbortSignal): Promise<BootAnswer> {
    const words = typeof event === 'string' ? [event, ''] : ['file', event.file];
    return parseBootAnswer(await this.#answer('await', 'appeared', [...words, String(boundS)], { signal }));
  }

  /** Takes the lease, or reports its holder. `replaces` is a holder that has certainly ended. */
  async lease(holder: string, replaces = ''): Promise<LeaseAnswer> {
    return leaseAnswer(await this.#program.ask('lease', [holder, replaces], SHORT), holder);
  }

  /**
   * Takes the lease. Unless another holder has it, also returns what {@link Host.readSentinel}, {@link Host.readScript} and
   * {@link Host.prune} do, and the records of the plan named `plan` (see `recordsName`). If the host was free and the sentinel
   * contains `doneMark`, returns only the sentinel, and releases the lease.
   *
   * @throws ChandlerError sentinel-missing if the sentinel cannot be written
   */
  async prepare(
    holder: string,
    options: PrepareOptions,
  ): Promise<{ lease: LeaseAnswer; records?: HostRecords; doneSentinel?: string | undefined }> {
    const { sentinelPath, plan, pruneAfterDays, doneMark = '', signal } = options;
    const words = [holder, sentinelPath, `${pruneAfterDays}`, plan, doneMark];
    const answers = await this.#program.ask('prepare', words, { ...SHORT, signal });
    const lease = leaseAnswer(answers, holder);
    if (!lease.ours) return { lease };
    if (answers.some(({ released }) => released === 'yes'))
      return { lease, doneSentinel: sentinelContent(answers) };
    return { lease, records: hostRecords(answers) };
  }

  /**
   * Does {@link Host.writeSentinel}, {@link Host.close} and {@link Host.release}.
   *
   * @throws ChandlerError lease-held if another run has the lease
   */
  async finish(
    holder: string,
    options: { sentinelPath: string; content: string; close: readonly Launch[]; signal?: AbortSignal },
  ): Promise<string | undefined> {
    const { sentinelPath, content, close, signal } = options;
    const sessions = close.flatMap((launch) => [sessionName(launch) ?? '', launch.id]);
    const words = [holder, sentinelPath, sha256Of(content), this.zmx?.path ?? '', this.#zmxDir, ...sessions];
    return sentinelContent(await this.#program.ask('finish', words, { stdin: content, signal }));
  }

  /** Releases the lease if `holder` has it. */
  async release(holder: string): Promise<void> {
    await this.#answer('release', 'released', [holder], SHORT);
  }

  /** The content of the sentinel; undefined if it is absent. */
  async readSentinel(path: string, signal?: AbortSignal): Promise<string | undefined> {
    return sentinelContent(await this.#program.ask('sentinel-read', [path], { ...SHORT, signal }));
  }

  /** Removes the sentinel, if there is one. */
  async removeSentinel(path: string): Promise<void> {
    await this.#program.ask('sentinel-remove', [path]);
  }

  /** Writes the sentinel atomically and returns what the host then reads. */
  async writeSentinel(path: string, content: string, signal?: AbortSignal): Promise<string | undefined> {
    const args = [path, sha256Of(content)];
    return sentinelContent(await this.#program.ask('sentinel-write', args, { stdin: content, signal }));
  }

  /** Removes launches that ended more than `days` ago. Returns their number. */
  async prune(days: number): Promise<number> {
    return readCount(await this.#answer('prune', 'pruned', [String(days)]), 'pruned');
  }

  /** Whether the file is executable. */
  async isExecutable(path: string, signal?: AbortSignal): Promise<boolean> {
    return this.#isYes('executable', 'executable', [path], signal);
  }

  /** The state of the self-provisioning script, if the host has one. */
  async readScript(): Promise<ScriptState | undefined> {
    return parseScriptState(await this.#program.ask('script-read', []));
  }

  /** The plan that the script carries: JSON, not validated. */
  async readScriptPlan(): Promise<string> {
    return readText(await this.#answer('script-plan', 'plan'), 'plan');
  }

  /** Records that a workflow has finished the script's work, if the script's launches have this owner. */
  async settleScript(owner: string): Promise<void> {
    await this.#answer('script-provisioned', 'script', [owner]);
  }

  /**
   * Ends the script. `stop` also ends its launches, `leave` lets them run. Returns false if the script still runs after `boundS`
   * seconds.
   */
  async endScript(how: 'leave' | 'stop', boundS: number, signal?: AbortSignal): Promise<boolean> {
    const args = [how === 'leave' ? 'USR1' : 'TERM', String(boundS)];
    return this.#isYes('script-end', 'ended', args, signal);
  }

  /**
   * Returns once the state of the script and the launches differs from `seen`, or after `boundS` seconds. Returns the `seen` for
   * the next call; an empty one returns at once.
   */
  async followScript(
    seen: string,
    ids: readonly string[],
    boundS: number,
    signal?: AbortSignal,
  ): Promise<string> {
    const args = [String(boundS), seen, ...ids];
    return (await this.#answer('script-follow', 'seen', args, { signal }))['seen'] ?? '';
  }

  /** The states of launches, by id. */
  async states(ids: readonly string[]): Promise<Map<string, LaunchState>> {
    return parseLaunchStates(await this.#program.ask('states', ids, SHORT), ids);
  }

  async #state(subcommand: string, args: string[], options?: CallOptions): Promise<LaunchState> {
    return parseLaunchState(await this.#answer(subcommand, 'state', args, options));
  }

  async #isYes(subcommand: string, key: string, args: string[], signal?: AbortSignal): Promise<boolean> {
    return (await this.#answer(subcommand, key, args, { signal }))[key] === 'yes';
  }

  async #answer(subcommand: string, key: string, args: string[] = [], options?: CallOptions) {
    return requireAnswer(await this.#program.ask(subcommand, args, options), key, subcommand);
  }
}
