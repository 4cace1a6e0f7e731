import { ChandlerError } from '../domain/run/failure.ts';
import type { LaunchState } from '../domain/run/launch-state.ts';
import type { Answer } from '../ssh/frames.ts';
import type { LaunchBody, LogChunk, LogOptions, Progress, SessionPlace } from './launch.ts';
import { parseLaunchState, parseStartWaiting } from './parse-launch-state.ts';
import type { RecordEntry } from '../domain/run/part-record.ts';
import { readCount, readText, requireAnswer } from './read-answer.ts';
import { recordWord, parseRecords, type RecordedParts } from './recorded-parts.ts';
import { parseScriptState, type ScriptState } from './script-state.ts';
import { sha256Of } from './sha256.ts';

/** `again`: this holder had the lease before. */
export type LeaseAnswer =
  | { readonly ours: true; readonly again: boolean }
  | { readonly ours: false; readonly holder: string };

/** What is recorded on a host. */
export interface HostRecords {
  /** The content of the sentinel, if it exists. */
  readonly sentinel: string | undefined;
  /** The state of the self-provisioning script, if the host has one. */
  readonly script: ScriptState | undefined;
  /** What earlier runs of the plan recorded. */
  readonly parts: RecordedParts;
  /** How many old launches were removed. */
  readonly pruned: number;
}

/** What to do when a host is prepared for a run. */
export interface PrepareOptions {
  readonly sentinelPath: string;
  /** The name of the plan's records. */
  readonly plan: string;
  readonly pruneAfterDays: number;
  /** See `Host.prepare`. */
  readonly doneMark?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** How to start a launch. */
export interface StartOptions {
  /** Missing for a launch without a session. */
  readonly place?: SessionPlace | undefined;
  /** `launch` fails with lease-held if another holder has the lease by then. */
  readonly lease?: string | undefined;
  /** What `launch` records about the part before the launch can begin. */
  readonly record?: RecordEntry | undefined;
  /** See `renderSecrets`. */
  readonly secrets: string;
  /** In seconds. Default: 10. */
  readonly boundS?: number;
  /** `launch` waits so many seconds for the end of the launch once it has begun, and reports progress every second. Default: 0. */
  readonly forS?: number;
  /** Receives each report of progress. */
  readonly onProgress?: (progress: Progress) => void;
  readonly signal?: AbortSignal | undefined;
}

export function leaseAnswer(answers: readonly Answer[], holder: string): LeaseAnswer {
  const answer = requireAnswer(answers, 'lease', 'lease');
  return answer['lease'] === 'ours'
    ? { ours: true, again: answer['had'] === holder }
    : { ours: false, holder: answer['holder'] ?? '' };
}

/** The arguments and the standard input with which a launch is created; the secrets of `launch` come first. */
export function bodyInput({ settings, env, script }: LaunchBody, secrets = '') {
  const pieces = [secrets, env, script].map((text) => Buffer.from(text));
  const stdin = Buffer.concat(pieces);
  const [secretsBytes, ...sizes] = pieces.map(({ length }) => length);
  return { words: [sha256Of(stdin), ...settings, ...sizes.map(String)], stdin, secretsBytes };
}

/** The first arguments and the standard input of `launch`. */
export function launchInput(id: string, body: LaunchBody, options: StartOptions) {
  const { words, stdin, secretsBytes } = bodyInput(body, options.secrets);
  const turns = turnsOf(1, options.forS ?? 0);
  const more = [`${secretsBytes}`, recordWord(options.record), `${turns}`];
  return { words: [options.lease ?? '', id, ...words, ...more], stdin };
}

export function startState(answers: readonly Answer[]): LaunchState {
  const state = parseLaunchState(requireAnswer(answers, 'state', 'start'));
  const waiting = parseStartWaiting(answers);
  // The launch may have begun between the two answers.
  return state.kind === 'created' && waiting ? { kind: 'created', waiting } : state;
}

/** In seconds: how long a launch may take to begin. */
export const START_BOUND_S = 10;

/** The arguments with which a launch is started. */
export function startWords(
  supervisorPath: string,
  { place, boundS = START_BOUND_S }: StartOptions,
): string[] {
  return [supervisorPath, String(boundS), ...placeWords(place)];
}

/** Empty words if the launch has no session. */
export function placeWords(place: SessionPlace | undefined): string[] {
  return [place?.session ?? '', place?.zmxPath ?? '', place?.zmxDir ?? ''];
}

/** How often a wait of `forS` seconds reports progress; the first report comes at once. Without `forS`: for ever. */
export function turnsOf(everyS: number, forS: number | undefined): number {
  if (forS === undefined) return -1;
  return forS === 0 ? 0 : 1 + Math.ceil(forS / everyS);
}

export function sentinelContent(answers: readonly Answer[]): string | undefined {
  const answer = requireAnswer(answers, 'sentinel', 'sentinel');
  if (answer['sentinel'] === 'absent') return undefined;
  // Even an empty sentinel means "done", so a missing answer must not be read as one.
  if (answer['sentinel'] === 'present') return readText(answer, 'content');
  throw new ChandlerError('connection-lost', `the host answered sentinel=${answer['sentinel']}`);
}

/** Reads what `prepare` answers besides the lease. */
export function hostRecords(answers: readonly Answer[]): HostRecords {
  return {
    // The answer about the script also has the path of the sentinel.
    sentinel: sentinelContent(answers.filter((answer) => answer['script'] === undefined)),
    script: parseScriptState(answers),
    parts: parseRecords(answers),
    pruned: readCount(requireAnswer(answers, 'pruned', 'prepare'), 'pruned'),
  };
}

/** The piece of a log that was asked for with these options. */
export function logChunk(answers: readonly Answer[], { start, maxBytes, before = 0 }: LogOptions): LogChunk {
  const place = requireAnswer(answers, 'log', 'log');
  const begin = readCount(place, 'offset');
  if (typeof start === 'number' && start >= 0 && begin !== start)
    throw new ChandlerError('connection-lost', `log: the host answered offset=${begin}, not ${start}`);
  const sent = before === 0 ? 0 : readCount(place, 'before');
  if (sent > Math.min(before, begin))
    throw new ChandlerError('connection-lost', `log: the host answered before=${sent}`);
  const bytes = Buffer.from(place['body'] ?? '', 'base64');
  return {
    state: parseLaunchState(requireAnswer(answers, 'state', 'log')),
    bytes: bytes.subarray(sent, sent + maxBytes),
    before: bytes.subarray(0, sent),
    offset: begin,
    size: readCount(place, 'size'),
  };
}
