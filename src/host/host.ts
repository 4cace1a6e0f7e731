import { createHash } from 'node:crypto';
import type { LaunchState } from '../domain/launch-state.ts';
import { ChandlerError } from '../domain/failure.ts';
import { sh, type Command } from '../shell/index.ts';
import type { ExecOptions, Executor, Outcome } from '../ssh/executor.ts';
import {
  decodeText,
  findCount,
  parseAnswer,
  pick,
  readAnswers,
  readCount,
  readText,
  type Answer,
} from './answers.ts';
import { parseLaunchState } from './launch-state.ts';
import type { Programs } from './programs.ts';

/** Puts a file on the host, whole or not at all. */
export type Upload = (file: { path: string; content: string; mode: number }) => Promise<void>;

/** What is written into a launch's directory. */
export interface LaunchBody {
  readonly settings: string;
  readonly env: string;
  readonly script: string;
}

/** The session a launch runs in; a finalizer has none. */
export interface SessionPlace {
  readonly session: string;
  readonly zmxPath: string;
  readonly zmxDir: string;
}

export interface Progress {
  readonly logBytes: number;
  readonly lastLine: string;
}

export interface LogChunk {
  readonly state: LaunchState;
  readonly bytes: Uint8Array;
  /** Where `bytes` begins in the log. */
  readonly offset: number;
  readonly size: number;
}

/** Lines of ours that are kept: a program says three at most, but a login may say more, and a wait takes days. */
const MAX_ANSWERS = 32;

/** The launch protocol, spoken to one host. The host is the truth: every method asks, none remembers. */
export class Host {
  readonly stateDir: string;
  readonly #executor: Executor;
  readonly #programs: Programs;
  readonly #upload: Upload;

  constructor(executor: Executor, programs: Programs, upload: Upload, stateDir: string) {
    this.#executor = executor;
    this.#programs = programs;
    this.#upload = upload;
    this.stateDir = stateDir;
  }

  /** Installs the host programs. Their names tell their content, so those already there are right. */
  async installPrograms(): Promise<void> {
    for (const { name, text } of [this.#programs.supervise, this.#programs.host]) {
      await this.#upload({ path: `${this.stateDir}/bin/${name}`, content: text, mode: 0o700 });
    }
  }

  /** Makes the launch's directory, atomically. Present already means done. */
  async create(id: string, body: LaunchBody, signal?: AbortSignal): Promise<LaunchState> {
    const [settings, env, script] = [body.settings, body.env, body.script].map((text) => Buffer.from(text));
    const whole = Buffer.concat([settings!, env!, script!]);
    const sizes = [whole.length, sha256(whole), settings!.length, env!.length].map(String);
    return this.#state('create', [id, ...sizes], { stdin: whole, ...(signal && { signal }) });
  }

  /** Starts a launch. Safe to repeat; `created` means that it did not begin within `boundS` seconds. */
  async start(
    id: string,
    options: { place?: SessionPlace; secrets: string; boundS: number; signal?: AbortSignal },
  ): Promise<LaunchState> {
    const { place } = options;
    const supervisor = `${this.stateDir}/bin/${this.#programs.supervise.name}`;
    const session = [place?.session ?? '', place?.zmxPath ?? '', place?.zmxDir ?? ''];
    return this.#state('start', [id, supervisor, String(options.boundS), ...session], {
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

  async state(id: string): Promise<LaunchState> {
    return this.#state('state', [id]);
  }

  /** Ends everything of the launch, and its session if `place` is given: TERM, `graceS` seconds, KILL. `left` counts what would not die. */
  async kill(
    id: string,
    options: { graceS: number; place?: SessionPlace },
  ): Promise<{ found: number; left: number; state: LaunchState }> {
    const { place } = options;
    const args = [
      id,
      String(options.graceS),
      place?.session ?? '',
      place?.zmxPath ?? '',
      place?.zmxDir ?? '',
    ];
    const { answers } = await this.#ask('kill', args);
    const state = parseLaunchState(pick(answers, 'state', 'kill'));
    const killed = pick(answers, 'killed', 'kill');
    return { found: readCount(killed, 'found'), left: readCount(killed, 'left'), state };
  }

  /** Closes the session of a launch that has ended. */
  async close(id: string, place: SessionPlace): Promise<void> {
    await this.#ask('close', [place.session, id, place.zmxPath, place.zmxDir]);
  }

  /** Bytes of the log. A negative offset counts from the end; waits up to `followS` seconds for a byte to come. */
  async log(
    id: string,
    offset: number,
    maxBytes: number,
    followS = 0,
    signal?: AbortSignal,
  ): Promise<LogChunk> {
    const { answers, stdout } = await this.#ask(
      'log',
      [id, String(offset), String(maxBytes), String(followS)],
      {
        maxOutputBytes: maxBytes * 2 + 4096,
        ...(signal && { signal }),
      },
    );
    const place = pick(answers, 'log', 'log');
    // A login may print before the answer; what follows its last line is the log, in base64.
    const lines = stdout.split('\n');
    const body = lines.slice(lines.findLastIndex((line) => parseAnswer(line) !== undefined) + 1).join('');
    const begin = readCount(place, 'offset');
    if (offset >= 0 && begin !== offset)
      throw new ChandlerError('connection-lost', `log: the host answered offset=${begin}, not ${offset}`);
    return {
      state: parseLaunchState(pick(answers, 'state', 'log')),
      bytes: Buffer.from(body, 'base64').subarray(0, maxBytes),
      offset: begin,
      size: readCount(place, 'size'),
    };
  }

  /** The exit code of a short script that runs outside any session, before the launch; 124 after `boundS` seconds. */
  async check(id: string, script: string, boundS: number, signal?: AbortSignal): Promise<number> {
    const args = [id, String(boundS)];
    const { answers } = await this.#ask('check', args, { stdin: script, ...(signal && { signal }) });
    return readCount(pick(answers, 'check', 'check'), 'code');
  }

  /** Blocks until the file is there; false after `boundS` seconds. */
  async awaitFile(path: string, boundS: number, signal?: AbortSignal): Promise<boolean> {
    const { answers } = await this.#ask('await', [path, String(boundS)], {
      maxOutputBytes: 16 * 1024,
      ...(signal && { signal }),
    });
    return pick(answers, 'appeared', 'await')['appeared'] === 'yes';
  }

  /** Takes the lease, or tells who holds it. `replaces` names a holder known to be gone. */
  async lease(holder: string, replaces = ''): Promise<{ ours: true } | { ours: false; holder: string }> {
    const { answers } = await this.#ask('lease', [holder, replaces]);
    const answer = pick(answers, 'lease', 'lease');
    return answer['lease'] === 'ours' ? { ours: true } : { ours: false, holder: answer['holder'] ?? '' };
  }

  async release(holder: string): Promise<void> {
    const { answers } = await this.#ask('release', [holder]);
    pick(answers, 'released', 'release');
  }

  /** The sentinel's content, or nothing if there is no such file. */
  async readSentinel(
    path: string,
    { mustBeWritable = false }: { mustBeWritable?: boolean } = {},
  ): Promise<string | undefined> {
    const args = mustBeWritable ? [path, 'writable'] : [path];
    return sentinelContent((await this.#ask('sentinel-read', args)).answers);
  }

  async removeSentinel(path: string): Promise<void> {
    await this.#ask('sentinel-remove', [path]);
  }

  /** Writes the sentinel in one step and tells what is there afterwards. */
  async writeSentinel(path: string, content: string, signal?: AbortSignal): Promise<string | undefined> {
    const bytes = Buffer.from(content);
    const args = [path, String(bytes.length), sha256(bytes)];
    return sentinelContent(
      (await this.#ask('sentinel-write', args, { stdin: bytes, ...(signal && { signal }) })).answers,
    );
  }

  /** Forgets launches that are older than `days` and over. */
  async prune(days: number): Promise<number> {
    return readCount(pick((await this.#ask('prune', [String(days)])).answers, 'pruned', 'prune'), 'pruned');
  }

  async isExecutable(path: string): Promise<boolean> {
    return (
      pick((await this.#ask('executable', [path])).answers, 'executable', 'executable')['executable'] ===
      'yes'
    );
  }

  async #state(subcommand: string, args: string[], options?: ExecOptions): Promise<LaunchState> {
    const { answers } = await this.#ask(subcommand, args, options);
    return parseLaunchState(pick(answers, 'state', subcommand));
  }

  async #ask(
    subcommand: string,
    args: string[],
    options?: ExecOptions,
  ): Promise<{ answers: Answer[]; stdout: string }> {
    const answers: Answer[] = [];
    const onLine = (line: string) => {
      const answer = parseAnswer(line);
      if (answer?.['progress'] !== undefined) options?.onLine?.(line);
      else if (answer && answers.push(answer) > MAX_ANSWERS) answers.shift();
    };
    let outcome = await this.#run(subcommand, args, { ...options, onLine });
    if (answers.length === 0 && programIsMissing(outcome)) {
      await this.installPrograms();
      outcome = await this.#run(subcommand, args, { ...options, onLine });
    }
    readAnswers(outcome, subcommand, answers);
    return { answers, stdout: outcome.kind === 'exited' ? outcome.stdout : '' };
  }

  async #run(subcommand: string, args: string[], options?: ExecOptions): Promise<Outcome> {
    const command: Command = sh(
      'sh',
      `${this.stateDir}/bin/${this.#programs.host.name}`,
      this.stateDir,
      subcommand,
      ...args,
    );
    return this.#executor.exec(command, options);
  }
}

/** A shell that cannot open its program says so with 2 (dash, busybox) or 127 (bash), and nothing of it has run. */
function programIsMissing(outcome: Outcome): boolean {
  return (
    outcome.kind === 'exited' &&
    (outcome.code === 2 || outcome.code === 127) &&
    /open|No such file/i.test(outcome.stderr)
  );
}

function sentinelContent(answers: Answer[]): string | undefined {
  const answer = pick(answers, 'sentinel', 'sentinel');
  if (answer['sentinel'] === 'absent') return undefined;
  // Even an empty sentinel says "done", so no answer may be taken for one.
  if (answer['sentinel'] === 'present') return readText(answer, 'content');
  throw new ChandlerError('connection-lost', `the host answered sentinel=${answer['sentinel']}`);
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** @throws ChandlerError host-unsupported, naming every tool that is missing and how to get it. */
export function requireTools(tools: readonly string[], needed: Readonly<Record<string, string>>): void {
  const missing = Object.keys(needed).filter((tool) => !tools.includes(tool));
  if (missing.length === 0) return;
  const packages = [...new Set(missing.map((tool) => needed[tool]))].join(' ');
  throw new ChandlerError('host-unsupported', `the host has no ${missing.join(', ')}`, {
    facts: {
      advice: `Install ${packages} on the host (for example apt-get install ${packages}), then start the run again.`,
    },
  });
}
