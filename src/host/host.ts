import type { LaunchState } from '../domain/launch-state.ts';
import { ChandlerError } from '../domain/failure.ts';
import type { ExecOptions, Executor } from '../ssh/executor.ts';
import { decodeText, findCount, parseAnswer, pick, readCount, readText, type Answer } from './answers.ts';
import { HostProgram, type Upload } from './host-program.ts';
import type { LaunchBody, LogChunk, LogStart, Progress, SessionPlace } from './launch.ts';
import { parseLaunchState, parseLaunchStates } from './launch-state.ts';
import type { Programs } from './programs.ts';
import { parseScriptState, type ScriptState } from './script-state.ts';
import { sha256Of } from './sha256.ts';

/** A plan of 1 MiB, in base64, and what a login says. */
const MAX_PLAN_OUTPUT_BYTES = 2 * 1024 * 1024;

/**
 * The launch protocol, spoken to one host. The host is the truth: every method asks, none remembers. {@link Runner} has one
 * as `runner.host`.
 *
 * Each method that asks the host may throw {@link ChandlerError} `connection-lost` (what it asked for may have been done: ask
 * again), `disk-full`, `state-directory-unwritable`, `host-unsupported` and what {@link Executor.exec} throws; with `signal`,
 * the signal's reason. Paths are absolute; `id` is a launch's.
 */
export class Host {
  readonly stateDir: string;
  readonly #program: HostProgram;

  /** Asks nothing. */
  constructor(executor: Executor, programs: Programs, upload: Upload, stateDir: string) {
    this.stateDir = stateDir;
    this.#program = new HostProgram(executor, programs, upload, stateDir);
  }

  /** Installs the host programs. Their names tell their content, so those already there are right. */
  async installPrograms(): Promise<void> {
    await this.#program.install();
  }

  /** Makes the launch's directory, atomically. Present already means done. */
  async create(id: string, body: LaunchBody, signal?: AbortSignal): Promise<LaunchState> {
    const [settings, env, script] = [body.settings, body.env, body.script].map((text) => Buffer.from(text));
    const whole = Buffer.concat([settings!, env!, script!]);
    const sizes = [whole.length, sha256Of(whole), settings!.length, env!.length].map(String);
    return this.#state('create', [id, ...sizes], { stdin: whole, ...(signal && { signal }) });
  }

  /** Starts a launch. Safe to repeat; `created` means that it did not begin within `boundS` seconds. @throws ChandlerError launch-conflict if another's session has its name */
  async start(
    id: string,
    options: { place?: SessionPlace; secrets: string; boundS: number; signal?: AbortSignal },
  ): Promise<LaunchState> {
    const args = [id, this.#program.supervisorPath, String(options.boundS), ...placeWords(options.place)];
    return this.#state('start', args, {
      stdin: options.secrets,
      ...(options.signal && { signal: options.signal }),
    });
  }

  /** Blocks until the launch has ended. `created` means that it had not begun within `boundS` seconds. */
  async wait(
    id: string,
    options: { boundS: number; signal?: AbortSignal; onProgress?: (progress: Progress) => void },
  ): Promise<LaunchState> {
    const onLine = (line: string) => {
      const answer = parseAnswer(line);
      if (answer?.['progress'] === undefined) return;
      const logBytes = findCount(answer, 'log_bytes');
      if (logBytes !== undefined) options.onProgress?.({ logBytes, lastLine: decodeText(answer['last']) });
    };
    return this.#state('wait', [id, String(options.boundS)], {
      onLine,
      // Progress is dropped once seen: a wait of days must not fill the memory.
      maxOutputBytes: 16 * 1024,
      ...(options.signal && { signal: options.signal }),
    });
  }

  /** How a launch is. */
  async state(id: string): Promise<LaunchState> {
    return this.#state('state', [id]);
  }

  /** Ends everything of the launch, and its session if `place` is given: TERM, `graceS` seconds, KILL. `left` counts what would not die. */
  async kill(
    id: string,
    options: { graceS: number; place?: SessionPlace },
  ): Promise<{ found: number; left: number; state: LaunchState }> {
    const args = [id, String(options.graceS), ...placeWords(options.place)];
    const { answers } = await this.#program.ask('kill', args);
    const state = parseLaunchState(pick(answers, 'state', 'kill'));
    const killed = pick(answers, 'killed', 'kill');
    return { found: readCount(killed, 'found'), left: readCount(killed, 'left'), state };
  }

  /** Closes the session of a launch that has ended. */
  async close(id: string, place: SessionPlace): Promise<void> {
    await this.#program.ask('close', [place.session, id, place.zmxPath, place.zmxDir]);
  }

  /**
   * Bytes of the log. A negative offset counts from the end; waits up to `followS` seconds for a byte to come. `before` is
   * how many of the bytes before them are wanted, too.
   */
  async log(
    id: string,
    start: number | LogStart,
    maxBytes: number,
    followS = 0,
    signal?: AbortSignal,
    before = 0,
  ): Promise<LogChunk> {
    const { sinceS = '', tailLines = '' } = typeof start === 'number' ? {} : start;
    const offset = typeof start === 'number' ? start : 0;
    const { answers, stdout } = await this.#program.ask(
      'log',
      [id, ...[offset, maxBytes, followS, before, sinceS, tailLines].map(String)],
      {
        maxOutputBytes: (before + maxBytes) * 2 + 4096,
        ...(signal && { signal }),
      },
    );
    const place = pick(answers, 'log', 'log');
    // A login may print before the answer; what follows its last line is the log, in base64.
    const lines = stdout.split('\n');
    const body = lines.slice(lines.findLastIndex((line) => parseAnswer(line) !== undefined) + 1).join('');
    const begin = readCount(place, 'offset');
    if (typeof start === 'number' && start >= 0 && begin !== start)
      throw new ChandlerError('connection-lost', `log: the host answered offset=${begin}, not ${start}`);
    const sent = before === 0 ? 0 : readCount(place, 'before');
    if (sent > Math.min(before, begin))
      throw new ChandlerError('connection-lost', `log: the host answered before=${sent}`);
    const bytes = Buffer.from(body, 'base64');
    return {
      state: parseLaunchState(pick(answers, 'state', 'log')),
      bytes: bytes.subarray(sent, sent + maxBytes),
      before: bytes.subarray(0, sent),
      offset: begin,
      size: readCount(place, 'size'),
    };
  }

  /** The exit code of a short script that runs outside any session, before the launch; 124 after `boundS` seconds. */
  async check(id: string, script: string, boundS: number, signal?: AbortSignal): Promise<number> {
    const args = [id, String(boundS)];
    const { answers } = await this.#program.ask('check', args, { stdin: script, ...(signal && { signal }) });
    return readCount(pick(answers, 'check', 'check'), 'code');
  }

  /** Blocks until the file is there; false after `boundS` seconds. */
  async awaitFile(path: string, boundS: number, signal?: AbortSignal): Promise<boolean> {
    const { answers } = await this.#program.ask('await', [path, String(boundS)], {
      maxOutputBytes: 16 * 1024,
      ...(signal && { signal }),
    });
    return pick(answers, 'appeared', 'await')['appeared'] === 'yes';
  }

  /** Takes the host for one workflow, or tells who has it. `replaces` names a holder known to be gone. */
  async lease(holder: string, replaces = ''): Promise<{ ours: true } | { ours: false; holder: string }> {
    const { answers } = await this.#program.ask('lease', [holder, replaces]);
    const answer = pick(answers, 'lease', 'lease');
    return answer['lease'] === 'ours' ? { ours: true } : { ours: false, holder: answer['holder'] ?? '' };
  }

  /** Gives the host back, if it is the holder's. */
  async release(holder: string): Promise<void> {
    const { answers } = await this.#program.ask('release', [holder]);
    pick(answers, 'released', 'release');
  }

  /** The sentinel's content, or nothing if there is no such file. @throws ChandlerError sentinel-missing if it must be writable and is not */
  async readSentinel(
    path: string,
    { mustBeWritable = false, signal }: { mustBeWritable?: boolean; signal?: AbortSignal } = {},
  ): Promise<string | undefined> {
    const args = mustBeWritable ? [path, 'writable'] : [path];
    return sentinelContent((await this.#program.ask('sentinel-read', args, signal && { signal })).answers);
  }

  /** Removes the sentinel; one that is not there is no error. */
  async removeSentinel(path: string): Promise<void> {
    await this.#program.ask('sentinel-remove', [path]);
  }

  /** Writes the sentinel in one step and tells what is there afterwards. */
  async writeSentinel(path: string, content: string, signal?: AbortSignal): Promise<string | undefined> {
    const bytes = Buffer.from(content);
    const args = [path, String(bytes.length), sha256Of(bytes)];
    return sentinelContent(
      (await this.#program.ask('sentinel-write', args, { stdin: bytes, ...(signal && { signal }) })).answers,
    );
  }

  /** Forgets launches that are older than `days` and over. Answers how many. */
  async prune(days: number): Promise<number> {
    return readCount(
      pick((await this.#program.ask('prune', [String(days)])).answers, 'pruned', 'prune'),
      'pruned',
    );
  }

  /** Whether there is an executable file. */
  async isExecutable(path: string, signal?: AbortSignal): Promise<boolean> {
    const { answers } = await this.#program.ask('executable', [path], signal && { signal });
    return pick(answers, 'executable', 'executable')['executable'] === 'yes';
  }

  /** The script with which the host provisions itself, if it has one. */
  async readScript(): Promise<ScriptState | undefined> {
    return parseScriptState((await this.#program.ask('script', [])).answers);
  }

  /** The plan that the script carries, as JSON; it may be anything. */
  async readScriptPlan(): Promise<string> {
    const options = { maxOutputBytes: MAX_PLAN_OUTPUT_BYTES };
    return readText(
      pick((await this.#program.ask('script-plan', [], options)).answers, 'plan', 'script-plan'),
      'plan',
    );
  }

  /** `leave`: what the script has started goes on; `stop`: all of it ends. False if it is still there after `boundS` seconds. */
  async endScript(how: 'leave' | 'stop', boundS: number, signal?: AbortSignal): Promise<boolean> {
    const args = [how === 'leave' ? 'USR1' : 'TERM', String(boundS)];
    const { answers } = await this.#program.ask('script-end', args, { ...(signal && { signal }) });
    return pick(answers, 'ended', 'script-end')['ended'] === 'yes';
  }

  /**
   * Returns as soon as the script and the launches are no longer as `seen` tells, or after `boundS` seconds; what is
   * returned is `seen` for the next time. An empty one returns at once.
   */
  async followScript(
    seen: string,
    ids: readonly string[],
    boundS: number,
    signal?: AbortSignal,
  ): Promise<string> {
    const args = [String(boundS), seen, ...ids];
    const { answers } = await this.#program.ask('script-follow', args, { ...(signal && { signal }) });
    return pick(answers, 'seen', 'script-follow')['seen'] ?? '';
  }

  /** How several launches are, by their ids. */
  async states(ids: readonly string[]): Promise<Map<string, LaunchState>> {
    return parseLaunchStates((await this.#program.ask('states', ids)).answers, ids);
  }

  async #state(subcommand: string, args: string[], options?: ExecOptions): Promise<LaunchState> {
    const { answers } = await this.#program.ask(subcommand, args, options);
    return parseLaunchState(pick(answers, 'state', subcommand));
  }
}

/** Empty words for a launch without a session. */
function placeWords(place: SessionPlace | undefined): string[] {
  return [place?.session ?? '', place?.zmxPath ?? '', place?.zmxDir ?? ''];
}

function sentinelContent(answers: Answer[]): string | undefined {
  const answer = pick(answers, 'sentinel', 'sentinel');
  if (answer['sentinel'] === 'absent') return undefined;
  // Even an empty sentinel says "done", so no answer may be taken for one.
  if (answer['sentinel'] === 'present') return readText(answer, 'content');
  throw new ChandlerError('connection-lost', `the host answered sentinel=${answer['sentinel']}`);
}
