import { definedOnly } from '../domain/defined-only.ts';
import { boundedText } from '../domain/text/bounded-text.ts';
import { ChandlerError, messageOf } from '../domain/run/failure.ts';
import { addressOf, type Launch } from '../domain/run/ids.ts';
import { partName } from '../domain/run/status.ts';
import type { WaitPace } from '../domain/run/wait-pace.ts';
import { formatExit, hasSucceeded, notesOf, type LaunchState } from '../domain/run/launch-state.ts';
import { maskPiece } from '../domain/secrets/mask.ts';
import { plainText } from '../domain/text/plain-text.ts';
import type { Host } from '../host/host.ts';
import type { Progress, SessionPlace } from '../host/launch.ts';
import { render } from '../shell/index.ts';
import { shortSshCommand } from '../ssh/index.ts';
import { attachHint } from '../zmx/index.ts';
import { withHeartbeats, type WaitContext } from './with-heartbeats.ts';
import type { HostRef } from './activity-types.ts';
import type { Ended, Prompted } from './wait-answers.ts';

/** The part of the log that a failure carries: enough to find the reason, far below the server's limits. In bytes. */
const TAIL_BYTES = 4096;
const LAST_LINE_LENGTH = 200;
/**
 * In seconds, however rare heartbeats are. The host inspects the terminal at every second report, and a prompt counts when two
 * inspections have found it, so it is noticed after four reports at most: within 30 s.
 */
export const LONGEST_PROGRESS_S = 6;

/** A launch of a host, and the secrets that may be in its output. */
export interface WatchedLaunch {
  readonly host: Host;
  readonly ref: HostRef;
  readonly launch: Launch;
  readonly secrets: readonly string[];
}

/** A launch, and how one activity waits for it. */
interface PacedLaunch extends WatchedLaunch {
  readonly pace: WaitPace;
}

/**
 * Waits for the end of a launch, with heartbeats, but not longer than `pace` allows. Only exit code 0 is a success; everything else
 * is a failure with a code.
 */
export async function waitForEnd(watched: PacedLaunch): Promise<Ended | 'running'> {
  const { launch, secrets, pace } = watched;
  const wait = async ({ signal, report }: WaitContext) => {
    const onProgress = (progress: Progress) => report(progressOf(progress, secrets));
    return readEnd(watched, await waitOnHost(watched, { signal, onProgress }));
  };
  return withHeartbeats(heartbeatOf(launch), wait, pace);
}

/** Waits like {@link waitForEnd}, or until the launch waits at another prompt than `known`. */
export async function waitForEndOrPrompt(
  watched: PacedLaunch,
  known: string,
): Promise<Ended | Prompted | 'running'> {
  const { host, ref, launch, secrets, pace } = watched;
  const wait = async ({ signal, report }: WaitContext) => {
    const changed = new AbortController();
    let prompted: Prompted | undefined;
    const onProgress = (progress: Progress) => {
      const { prompt = known } = progress;
      const shown = progressOf(progress, secrets);
      report(shown);
      if (prompt === known) return;
      const place = host.place(launch);
      prompted = { prompt, lastLine: shown.lastLine, attach: place ? attachOverSsh(ref, place) : '' };
      changed.abort();
    };
    const options = { signal: AbortSignal.any([signal, changed.signal]), onProgress };
    const state = await waitOnHost(watched, options).catch((error: unknown) => {
      if (!prompted || signal.aborted) throw error;
    });
    return state ? readEnd(watched, state) : prompted!;
  };
  return withHeartbeats(heartbeatOf(launch), wait, pace);
}

/** Waits until the launch is over or the time of the pace is up. */
async function waitOnHost(
  { host, launch, pace: { heartbeatEveryMs, lastsMs = Infinity } }: PacedLaunch,
  options: { readonly signal: AbortSignal; readonly onProgress: (progress: Progress) => void },
): Promise<LaunchState> {
  const begin = performance.now();
  const state = await host.wait(launch.id, {
    ...options,
    everyS: Math.min(LONGEST_PROGRESS_S, Math.ceil(heartbeatEveryMs / 1000)),
    ...(lastsMs < Infinity && { forS: Math.ceil(lastsMs / 1000) }),
  });
  // The workflow waits again at once, so a host that never waits would fill its history.
  if (state.kind === 'running' && performance.now() - begin < lastsMs / 2)
    throw new ChandlerError('connection-lost', 'wait: the host stopped waiting before the time was up');
  return state;
}

/** @throws ChandlerError for every end but exit code 0 */
export async function readEnd(watched: WatchedLaunch, state: LaunchState): Promise<Ended | 'running'> {
  if (state.kind === 'running') return 'running';
  if (hasSucceeded(state)) {
    const { elapsedMs, logBytes } = state;
    return definedOnly({ exitCode: 0, elapsedMs, logBytes, notes: notesFor(state, watched.secrets) });
  }
  // The record of a launch that had begun is gone: this counts as interrupted, because another wait would never end.
  const gone = { kind: 'interrupted', rebooted: false, logBytes: 0, recordsBroken: true } as const;
  throw await failureOfLaunch(watched, state.kind === 'absent' ? gone : state);
}

/** Masks secrets: the command line of a process may hold one, and the host may have cut it. Undefined without notes. */
function notesFor(state: LaunchState, secrets: readonly string[]): string[] | undefined {
  const notes = notesOf(state);
  return notes.length === 0 ? undefined : notes.map((note) => maskPiece(note, secrets));
}

/** The heartbeat that `readProgress` of the client reads. */
export function heartbeatOf({ step, kind, attempt }: Launch): object {
  return { step, kind, attempt };
}

/** What a heartbeat contains of the progress of a launch. */
export function progressOf({ logBytes, lastLine }: Progress, secrets: readonly string[]) {
  return { logBytes, lastLine: lastLineOf(lastLine, secrets) };
}

/** A line that is fit for heartbeats and tables. The host cuts long lines, and the step may still be writing this one. */
function lastLineOf(text: string, secrets: readonly string[]): string {
  const line = maskPiece(plainText(text), secrets).trim().replaceAll(/\s+/g, ' ');
  return boundedText(line, LAST_LINE_LENGTH);
}

/** How a launch that did not succeed ended, with the end of its log. */
export async function failureOfLaunch(watched: WatchedLaunch, state: LaunchState): Promise<ChandlerError> {
  const { host, ref, launch, secrets } = watched;
  const what = `${partName(launch.step, launch.kind === 'finalizer')} on ${addressOf(ref.target)}`;
  if (state.kind === 'created' || state.kind === 'absent') {
    return new ChandlerError('launch-not-started', `${what} has not begun`);
  }
  const facts = { step: launch.step, host: ref.target.host, logTail: await readTail(watched) };
  if (state.kind !== 'exited' || state.killed) {
    return new ChandlerError('step-interrupted', `${what}: ${describeInterruption(state)}`, { facts });
  }
  const code = launch.kind === 'finalizer' ? 'finalizer-failed' : 'step-failed';
  const cut = state.logCut ? '; the host could not keep all of its log' : '';
  const place = host.place(launch);
  return new ChandlerError(code, `${what}: ${formatExit(state.code)}${cut}`, {
    facts: definedOnly({
      ...facts,
      exitCode: state.code,
      notes: notesFor(state, secrets),
      advice: place && adviceFor(state, attachOverSsh(ref, place)),
    }),
  });
}

function describeInterruption(state: LaunchState): string {
  if (state.kind === 'cancelled') return 'Chandler ended it before it began';
  if (state.kind !== 'interrupted') return 'Chandler ended it';
  if (state.recordsBroken) return 'its records on the host are gone: something removed or replaced them';
  return state.rebooted ? 'the host rebooted' : 'it was cut short';
}

/** Names no session that is gone, because to attach to it would create a new one. */
function adviceFor({ terminalLostAtMs }: { readonly terminalLostAtMs?: number }, attach: string): string {
  return terminalLostAtMs === undefined
    ? `Look around with: \`${attach}\` — and fix the cause.`
    : 'Its terminal was lost: read its log and fix the cause.';
}

/** The command that attaches to a session, for a person with access to the host. */
function attachOverSsh({ target }: HostRef, place: SessionPlace): string {
  const command = attachHint({ ...place, become: target.become });
  return render(shortSshCommand(target, { tty: true, command }));
}

/** The end of the log, for the failure. If it cannot be read, the failure still reports how the step ended. */
async function readTail({ host, launch, secrets }: WatchedLaunch): Promise<string> {
  try {
    const { bytes } = await host.log(launch.id, { start: -TAIL_BYTES, maxBytes: TAIL_BYTES });
    // A tail may begin in the middle of a secret. Its own log may be unmasked if the launch was cut short.
    const text = Buffer.from(plainText(Buffer.from(bytes).toString('utf8')));
    // A byte that is not text takes three bytes once it is decoded.
    return maskPiece(text.subarray(-TAIL_BYTES).toString('utf8'), secrets);
  } catch (error) {
    return `(the log cannot be read: ${messageOf(error)})`;
  }
}
