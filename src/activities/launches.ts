import { boundedText } from '../domain/bounded-text.ts';
import { ChandlerError } from '../domain/failure.ts';
import type { Launch } from '../domain/ids.ts';
import { formatExit, type LaunchState } from '../domain/launch-state.ts';
import { maskedTexts, redact, redactPiece } from '../domain/redact.ts';
import { plainText } from '../domain/terminal.ts';
import type { SessionPlace } from '../host/host.ts';
import type { Runner } from '../provision/runner.ts';
import { render, sh } from '../shell/index.ts';
import { attachHint } from '../zmx/index.ts';
import { withHeartbeats } from './heartbeat.ts';
import type { Ended, HostRef, LogPage } from './types.ts';

/** Bytes of the log that a failure carries: enough to see why, far under the engine's limits. */
const TAIL_BYTES = 4096;
const LAST_LINE_LENGTH = 200;

/** Waits for a launch, reporting as it goes. Only exit code 0 is a success; everything else is a failure with a code. */
export async function waitAndSettle(
  runner: Runner,
  host: HostRef,
  launch: Launch,
  secrets: readonly string[],
): Promise<Ended> {
  return withHeartbeats({ step: launch.step }, async ({ signal, report }) => {
    const state = await runner.waitLaunch(launch, {
      signal,
      onProgress: ({ logBytes, lastLine }) => report({ logBytes, lastLine: lastLineOf(lastLine, secrets) }),
    });
    if (state.kind === 'exited' && state.code === 0) {
      return { exitCode: 0, elapsedMs: state.elapsedMs, logBytes: state.logBytes };
    }
    throw await failureOfLaunch(runner, host, launch, state, secrets);
  });
}

/** A line that is fit for heartbeats and tables. The host cuts a long one, and the step may be in the middle of it. */
function lastLineOf(text: string, secrets: readonly string[]): string {
  const line = redactPiece(plainText(text), secrets).trim().replaceAll(/\s+/g, ' ');
  return boundedText(line, LAST_LINE_LENGTH);
}

/** A page of the log: redacted, cut so that no secret and no character is split between two pages. */
export async function readPage(
  runner: Runner,
  launch: Launch,
  options: {
    offset: number;
    maxBytes: number;
    followS: number;
    values: readonly string[];
    signal: AbortSignal;
  },
): Promise<LogPage> {
  const chunk = await runner.readLog(
    launch,
    options.offset,
    options.maxBytes,
    options.followS,
    options.signal,
  );
  if (chunk.state.kind === 'absent')
    throw new ChandlerError('log-unavailable', `there is no log of ${launch.step}`);
  const over = chunk.state.kind !== 'running' && chunk.state.kind !== 'created';
  const atEnd = chunk.offset + chunk.bytes.length >= chunk.size;
  const kept = over && atEnd ? chunk.bytes.length : keepWhole(chunk.bytes, options);
  const text = Buffer.from(chunk.bytes.subarray(0, kept)).toString('utf8');
  const complete = over && chunk.offset + kept >= chunk.size;
  return {
    // Whoever asks may begin anywhere, also in the middle of a secret.
    text: chunk.offset === 0 ? redact(text, options.values) : redactPiece(text, options.values),
    nextOffset: chunk.offset + kept,
    size: chunk.size,
    complete,
    ...(complete && chunk.state.kind === 'exited' && chunk.state.logCut && { cut: true }),
  };
}

/** How many bytes can be shown without the rest: all but what may be the first part of a secret or of a character. */
function keepWhole(bytes: Uint8Array, options: { maxBytes: number; values: readonly string[] }): number {
  const held = Math.max(
    unfinishedCharacter(bytes),
    ...maskedTexts(options.values).map((text) => unfinished(Buffer.from(bytes), Buffer.from(text))),
  );
  // What is longer than a page can't be kept in one piece.
  return held === bytes.length && bytes.length >= options.maxBytes ? held : bytes.length - held;
}

/** How many bytes at the end are the beginning, but not the whole, of a secret. */
function unfinished(bytes: Buffer, secret: Buffer): number {
  for (let length = Math.min(bytes.length, secret.length - 1); length > 0; length -= 1) {
    if (bytes.subarray(bytes.length - length).equals(secret.subarray(0, length))) return length;
  }
  return 0;
}

/** How many bytes at the end are the beginning of a character that goes on (UTF-8: at most three). */
function unfinishedCharacter(bytes: Uint8Array): number {
  for (const length of [1, 2, 3]) {
    const byte = bytes.at(-length);
    if (byte === undefined || byte < 0x80) return 0;
    if (byte >= 0xc0) return length < (byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2) ? length : 0;
  }
  return 0;
}

/** How a launch that did not succeed ended, with the end of its log. */
export async function failureOfLaunch(
  runner: Runner,
  host: HostRef,
  launch: Launch,
  state: LaunchState,
  secrets: readonly string[],
): Promise<ChandlerError> {
  const where = `${host.target.user ?? 'root'}@${host.target.host}:${host.target.port ?? 22}`;
  const what = `${launch.step}${launch.kind === 'finalizer' ? ' (finalizer)' : ''} on ${where}`;
  if (state.kind === 'created' || state.kind === 'absent') {
    return new ChandlerError('launch-not-started', `${what} has not begun`);
  }
  const facts = { step: launch.step, host: host.target.host, ...(await readTail(runner, launch, secrets)) };
  if (state.kind !== 'exited') {
    const why = state.kind === 'interrupted' && state.rebooted ? 'the host rebooted' : 'it was cut short';
    return new ChandlerError('step-interrupted', `${what}: ${why}`, { facts });
  }
  const place = runner.place(launch);
  return new ChandlerError(
    launch.kind === 'finalizer' ? 'finalizer-failed' : 'step-failed',
    `${what}: ${formatExit(state.code)}${state.logCut ? '; the host could not keep all of its log' : ''}`,
    {
      facts: {
        ...facts,
        exitCode: state.code,
        ...(place && {
          advice: `Look around with: ${attachOverSsh(host, place)} — then retry or skip the step.`,
        }),
      },
    },
  );
}

/** The whole command that attaches to a session from anywhere that may log in to the host. */
function attachOverSsh({ target }: HostRef, place: SessionPlace): string {
  const { jump } = target;
  const words = [
    ...(jump ? ['-J', `${jump.user ?? 'root'}@${jump.host}:${jump.port ?? 22}`] : []),
    ...(target.port === undefined ? [] : ['-p', String(target.port)]),
    `${target.user ?? 'root'}@${target.host}`,
    `${target.become === undefined ? '' : `${target.become} `}${attachHint(place)}`,
  ];
  return render(sh('ssh', '-t', ...words));
}

/** The end of the log, for the failure. A log that cannot be read must not hide how the step ended. */
async function readTail(
  runner: Runner,
  launch: Launch,
  secrets: readonly string[],
): Promise<{ logTail?: string }> {
  try {
    const { bytes } = await runner.readLog(launch, -TAIL_BYTES, TAIL_BYTES);
    // What was cut short could not mask its own log, so the tail may begin in the middle of a secret.
    const text = Buffer.from(plainText(Buffer.from(bytes).toString('utf8')));
    // What is no text takes three bytes for each byte once it is decoded.
    return { logTail: redactPiece(text.subarray(-TAIL_BYTES).toString('utf8'), secrets) };
  } catch (error) {
    return { logTail: `(the log cannot be read: ${error instanceof Error ? error.message : String(error)})` };
  }
}
