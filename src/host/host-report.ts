import { definedOnly } from '../domain/defined-only.ts';
import { ChandlerError } from '../domain/run/failure.ts';
import type { LaunchState } from '../domain/run/launch-state.ts';
import type { Leftover, OpenSession } from '../domain/run/leftovers.ts';
import { boundedText } from '../domain/text/bounded-text.ts';
import { plainText } from '../domain/text/plain-text.ts';
import { quote, sh } from '../shell/index.ts';
import { ask as askHost } from '../ssh/call.ts';
import type { Executor } from '../ssh/executor.ts';
import type { Answer } from '../ssh/frames.ts';
import { decodeText, findCount, requireAnswer, readCount, readText } from './read-answer.ts';
import type { HostFacts } from './host-facts.ts';
import { CHECK_BOUND_S } from './launch.ts';
import { parseLaunchStates } from './parse-launch-state.ts';
import { askedTools, missingTools, readFacts, requireTools } from './probe.ts';
import type { Programs } from './programs.ts';
import { parseRecords, type RecordedParts } from './recorded-parts.ts';
import { parseScriptState, type ScriptState } from './script-state.ts';

/** The result of an inspection of a host. */
export interface HostReport {
  readonly facts: HostFacts;
  /** The user as which Chandler works. */
  readonly user: string;
  /** By the host's clock, to the second, in milliseconds since the epoch. */
  readonly nowMs: number;
  /** Required tools that the host lacks, and the Debian packages that contain them. */
  readonly missing: { readonly tools: readonly string[]; readonly packages: readonly string[] };
  readonly state: {
    readonly exists: boolean;
    /** Why the directory is not writable; missing if it seems writable. */
    readonly unwritable?: string;
    /** The file system is mounted noexec. */
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
  /** Missing if no marker was requested. */
  readonly marker?: 'present' | 'absent';
  /** How long a login shell took to start, with `timeLogin`; up to 6 s are measured. Milliseconds. */
  readonly loginMs?: number;
  /** The holder of the lease; empty if it is free. */
  readonly lease: string;
  readonly script?: ScriptState;
  /** What earlier runs of the plan recorded; missing if nothing. */
  readonly recorded?: RecordedParts;
  /** Hash of the zmx in `facts`, 64 hex digits. */
  readonly zmxSha256?: string;
  /** Keys of the zmx versions that Chandler has installed there. */
  readonly zmxReady: readonly string[];
  /** Launches that are alive or may still begin. */
  readonly leftovers: readonly Leftover[];
  /** Sessions of launches that are over. */
  readonly openSessions: readonly OpenSession[];
}

/** What an inspection needs. */
export interface InspectDeps {
  readonly executor: Executor;
  readonly programs: Programs;
  readonly signal?: AbortSignal | undefined;
}

const WHAT = 'inspecting the host';
const INSPECT_MS = 30_000;
const MAX_TEXT_LENGTH = 300;
const MAX_READY = 50;
/** The maximum number of leftovers and of sessions in a report. */
const MAX_LISTED = 500;
/** The host ends a check that takes longer than {@link CHECK_BOUND_S}. */
const CHECK_MS = (CHECK_BOUND_S + 10) * 1000;

/**
 * Inspects a host without changing it, even if Chandler has never been there.
 *
 * @throws ChandlerError connection-lost, host-unsupported, or what the executor throws
 */
export async function inspectHost(
  deps: InspectDeps,
  options: {
    sentinelPath?: string | undefined;
    marker?: string | undefined;
    timeLogin?: boolean;
    /** The name of a plan's records. */
    plan?: string | undefined;
  } = {},
): Promise<HostReport> {
  const { sentinelPath = '', marker = '', timeLogin = false, plan = '' } = options;
  const tools = `${askedTools.needed} ${askedTools.useful}`;
  const words = [sentinelPath, marker, tools, timeLogin ? 'yes' : '', plan];
  const answers = await askInspector(deps, '', 'report', words, INSPECT_MS);
  try {
    return readReport(answers, { sentinelPath, marker, timeLogin });
  } catch (error) {
    // The answer may be incomplete because a tool is missing; then the failure must name the tool.
    requireTools(answers, WHAT);
    throw error;
  }
}

function readReport(
  answers: readonly Answer[],
  { sentinelPath, marker, timeLogin }: { sentinelPath: string; marker: string; timeLogin: boolean },
): HostReport {
  const find = (key: string) => requireAnswer(answers, key, WHAT);
  const facts = readFacts(answers, WHAT);
  const now = find('now');
  const missing = missingTools(answers, WHAT);
  // Without base64 every text would seem to be empty.
  if (missing.tools.includes('base64')) requireTools(answers, WHAT);
  const recorded = parseRecords(answers);
  const sha256 = answers.findLast((answer) => answer['zmx_sha256'] !== undefined)?.['zmx_sha256'] ?? '';
  return definedOnly({
    facts,
    user: shown(now['user']),
    nowMs: readCount(now, 'now') * 1000,
    missing,
    state: readState(find('state')),
    sentinel: readSentinel(find('sentinel'), sentinelPath || `${facts.stateDir}/provisioned`),
    marker: marker === '' ? undefined : find('marker')['marker'] === 'present' ? 'present' : 'absent',
    loginMs: timeLogin ? readCount(find('login_ds'), 'login_ds') * 100 : undefined,
    lease: find('lease')['lease'] ?? '',
    script: parseScriptState(answers),
    recorded: Object.keys(recorded).length > 0 ? recorded : undefined,
    zmxSha256: /^[0-9a-f]{64}$/.test(sha256) ? sha256 : undefined,
    zmxReady: answers
      .flatMap((answer) => answer['zmx_ready'] ?? [])
      .slice(0, MAX_READY)
      .map(shown),
    leftovers: readLeftovers(answers),
    openSessions: readOpenSessions(answers),
  });
}

/** Lists launches that are alive and open sessions. @throws ChandlerError as {@link inspectHost} */
export async function listLeftovers(
  deps: InspectDeps,
  stateDir: string,
): Promise<Pick<HostReport, 'leftovers' | 'openSessions'>> {
  const answers = await askInspector(deps, stateDir, 'leftovers', [], INSPECT_MS);
  return { leftovers: readLeftovers(answers), openSessions: readOpenSessions(answers) };
}

/** The states of launches, by id. @throws ChandlerError as {@link inspectHost} */
export async function inspectLaunches(
  deps: InspectDeps,
  stateDir: string,
  ids: readonly string[],
): Promise<Map<string, LaunchState>> {
  return parseLaunchStates(await askInspector(deps, stateDir, 'states', ids, INSPECT_MS), ids);
}

/**
 * Runs a step's check as a run does, but without touching the disk. Returns its exit code, or `late` if it did not end within
 * {@link CHECK_BOUND_S}. `id` marks its processes.
 *
 * @throws ChandlerError as {@link inspectHost}
 */
export async function runCheck(
  deps: InspectDeps,
  stateDir: string,
  id: string,
  script: string,
  boundS = CHECK_BOUND_S,
): Promise<number | 'late'> {
  const body = `check_body=${quote(script)}\n`;
  const args = [id, String(boundS)];
  const answers = await askInspector(deps, stateDir, 'check', args, CHECK_MS, body);
  const answer = requireAnswer(answers, 'check', 'check');
  return answer['late'] === 'yes' ? 'late' : readCount(answer, 'code');
}

/** Sends the inspection program with a subcommand. `before` precedes it. @throws ChandlerError as {@link inspectHost} */
export async function askInspector(
  { executor, programs, signal }: InspectDeps,
  stateDir: string,
  subcommand: string,
  args: readonly string[],
  timeoutMs: number,
  before = '',
): Promise<readonly Answer[]> {
  const command = (token: string) => sh('sh', '-s', '--', token, stateDir, subcommand, ...args);
  return askHost(executor, WHAT, command, {
    stdin: `${before}${programs.inspect}`,
    timeoutMs,
    signal,
  });
}

function readState(answer: Answer): HostReport['state'] {
  return definedOnly({
    exists: answer['state'] === 'yes',
    noexec: answer['noexec'] === 'yes',
    unwritable: shown(decodeText(answer['unwritable'])) || undefined,
    freeKiB: findCount(answer, 'free_kib'),
    freeInodes: findCount(answer, 'free_inodes'),
  });
}

function readSentinel(answer: Answer, path: string): HostReport['sentinel'] {
  const found = answer['sentinel'];
  if (found !== 'absent' && found !== 'present' && found !== 'unreadable')
    throw new ChandlerError('connection-lost', `the host answered sentinel=${found}`);
  return definedOnly({
    path,
    found,
    content: found === 'present' ? readText(answer, 'content') : undefined,
    unwritable: shown(decodeText(answer['sentinel_unwritable'])) || undefined,
  });
}

function shown(text: string | undefined): string {
  return plainText(boundedText(text ?? '', MAX_TEXT_LENGTH)).trim();
}

const LAUNCH_ID = /^[0-9a-f]{20}$/;
/** The names that the plan's schema allows (`stepName`). */
const STEP_NAME = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,39}$/;
const LEFTOVER_STATES = ['created', 'running', 'interrupted', 'ended'] as const;

function readLeftovers(answers: readonly Answer[]): Leftover[] {
  // This answer ends the list; without it the list is incomplete.
  requireAnswer(answers, 'leftovers', WHAT);
  return answers
    .filter((answer) => answer['leftover'] !== undefined)
    .slice(0, MAX_LISTED)
    .map(readLeftover);
}

function readLeftover(answer: Answer): Leftover {
  const { leftover: id = '', step = '', kind } = answer;
  const state = LEFTOVER_STATES.find((each) => each === answer['is']);
  if (!LAUNCH_ID.test(id) || !state)
    throw new ChandlerError('connection-lost', `${WHAT}: the host answered leftover=${id}`);
  const sinceS = findCount(answer, 'since');
  return {
    launch: {
      id,
      // Read from a file on the host, which may be damaged.
      step: STEP_NAME.test(step) ? step : id,
      kind: kind === 'step' ? 'step' : 'finalizer',
      attempt: findCount(answer, 'attempt') ?? 1,
    },
    state,
    ...(sinceS !== undefined && { sinceMs: sinceS * 1000 }),
    processes: readCount(answer, 'processes'),
  };
}

function readOpenSessions(answers: readonly Answer[]): OpenSession[] {
  return answers
    .flatMap(({ session = '', of = '' }) =>
      STEP_NAME.test(session.replace(/\.\d+$/, '')) && LAUNCH_ID.test(of) ? [{ session, launch: of }] : [],
    )
    .slice(0, MAX_LISTED);
}
