import { ChandlerError } from '../domain/failure.ts';
import type { LaunchState } from '../domain/launch-state.ts';
import { boundedText } from '../domain/bounded-text.ts';
import { plainText } from '../domain/terminal.ts';
import { quote, sh } from '../shell/index.ts';
import type { Executor } from '../ssh/executor.ts';
import { decodeText, findCount, pick, readCount, readOutcome, readText, type Answer } from './answers.ts';
import type { HostFacts } from './facts.ts';
import { parseLaunchStates } from './launch-state.ts';
import { missingTools, readFacts } from './probe.ts';
import type { Programs } from './programs.ts';
import { parseScriptState, type ScriptState } from './script-state.ts';

/** What a look at a host finds, which changes nothing there. */
export interface HostLook {
  readonly facts: HostFacts;
  /** Who everything would be done as. */
  readonly user: string;
  /** By the host's clock, to the second. Milliseconds since the epoch. */
  readonly nowMs: number;
  /** Tools that nothing works without, and the Debian packages that hold them. */
  readonly missing: { readonly tools: readonly string[]; readonly packages: readonly string[] };
  readonly state: {
    readonly exists: boolean;
    /** Why nothing can be written there; missing if it can, as far as can be told without trying. */
    readonly unwritable?: string;
    /** Programs cannot be run from there. */
    readonly noexec: boolean;
    readonly freeKiB?: number;
    readonly freeInodes?: number;
  };
  readonly sentinel: {
    readonly path: string;
    readonly found: 'absent' | 'present' | 'unreadable';
    readonly content?: string;
    readonly unwritable?: string;
  };
  /** Whether the bootstrap marker is there, if one was asked for. */
  readonly marker?: 'present' | 'absent';
  /** The word of whoever holds the host; empty if nobody does. */
  readonly lease: string;
  readonly script?: ScriptState;
  /** Of the zmx in `facts`, 64 hex digits. */
  readonly zmxSha256?: string;
  /** The names of those that Chandler has installed there. */
  readonly zmxReady: readonly string[];
}

/** Reaches the host, and with what. */
export interface LookDeps {
  readonly executor: Executor;
  readonly programs: Programs;
  readonly signal?: AbortSignal;
}

const WHAT = 'looking at the host';
/** A sentinel and what a login says. Bytes. */
const MAX_OUTPUT_BYTES = 4 * 1024 * 1024;
const LOOK_MS = 30_000;
const MAX_TEXT_LENGTH = 300;
/** Versions of zmx that are worth looking at. */
const MAX_READY = 50;
/** A check has as long as in a run; it is told to end by the host. */
const CHECK_BOUND_S = 60;
const CHECK_MS = (CHECK_BOUND_S + 10) * 1000;

/**
 * Looks at a host and changes nothing: no file, no directory, also where Chandler has never been.
 *
 * @throws ChandlerError connection-lost, host-unsupported, or what the executor throws
 */
export async function lookAtHost(
  deps: LookDeps,
  options: { sentinelPath?: string; marker?: string } = {},
): Promise<HostLook> {
  const { sentinelPath = '', marker = '' } = options;
  const answers = await ask(deps, '', 'look', [sentinelPath, marker], LOOK_MS);
  const find = (key: string) => pick(answers, key, WHAT);
  // Its last line: what stands before it is whole.
  find('looked');
  const facts = readFacts(answers, WHAT);
  const now = find('now');
  const script = parseScriptState(answers);
  const sha256 = answers.findLast((answer) => answer['zmx_sha256'] !== undefined)?.['zmx_sha256'] ?? '';
  return {
    facts,
    user: shown(now['user']),
    nowMs: readCount(now, 'now') * 1000,
    missing: missingTools(facts.tools),
    state: readState(find('state')),
    sentinel: readSentinel(find('sentinel'), sentinelPath || `${facts.stateDir}/provisioned`),
    ...(marker !== '' && { marker: find('marker')['marker'] === 'present' ? 'present' : 'absent' }),
    lease: find('lease')['lease'] ?? '',
    ...(script && { script }),
    ...(/^[0-9a-f]{64}$/.test(sha256) && { zmxSha256: sha256 }),
    zmxReady: answers
      .flatMap((answer) => answer['zmx_ready'] ?? [])
      .slice(0, MAX_READY)
      .map(shown),
  };
}

/** How launches are, by their ids. @throws ChandlerError as {@link lookAtHost} */
export async function lookAtLaunches(
  deps: LookDeps,
  stateDir: string,
  ids: readonly string[],
): Promise<Map<string, LaunchState>> {
  return parseLaunchStates(await ask(deps, stateDir, 'states', ids, LOOK_MS), ids);
}

/**
 * The exit code of a step's check, run as a run does it but never on the disk: 124 after a minute. `id` is in the
 * environment of what it starts.
 *
 * @throws ChandlerError as {@link lookAtHost}
 */
export async function checkNow(
  deps: LookDeps,
  stateDir: string,
  id: string,
  script: string,
): Promise<number> {
  const body = `check_body=${quote(script)}\n`;
  const args = [id, String(CHECK_BOUND_S)];
  return readCount(pick(await ask(deps, stateDir, 'check', args, CHECK_MS, body), 'check', 'check'), 'code');
}

async function ask(
  { executor, programs, signal }: LookDeps,
  stateDir: string,
  subcommand: string,
  args: readonly string[],
  timeoutMs: number,
  before = '',
): Promise<Answer[]> {
  const outcome = await executor.exec(sh('sh', '-s', '--', stateDir, subcommand, ...args), {
    stdin: `${before}${programs.inspect}`,
    timeoutMs,
    maxOutputBytes: MAX_OUTPUT_BYTES,
    ...(signal && { signal }),
  });
  return readOutcome(outcome, WHAT);
}

function readState(answer: Answer): HostLook['state'] {
  const unwritable = shown(decodeText(answer['unwritable']));
  const freeKiB = findCount(answer, 'free_kib');
  const freeInodes = findCount(answer, 'free_inodes');
  return {
    exists: answer['state'] === 'yes',
    noexec: answer['noexec'] === 'yes',
    ...(unwritable !== '' && { unwritable }),
    ...(freeKiB !== undefined && { freeKiB }),
    ...(freeInodes !== undefined && { freeInodes }),
  };
}

function readSentinel(answer: Answer, path: string): HostLook['sentinel'] {
  const unwritable = shown(decodeText(answer['sentinel_unwritable']));
  const found = answer['sentinel'];
  if (found !== 'absent' && found !== 'present' && found !== 'unreadable')
    throw new ChandlerError('connection-lost', `the host answered sentinel=${found}`);
  return {
    path,
    found,
    ...(found === 'present' && { content: readText(answer, 'content') }),
    ...(unwritable !== '' && { unwritable }),
  };
}

function shown(text: string | undefined): string {
  return plainText(boundedText(text ?? '', MAX_TEXT_LENGTH)).trim();
}
