import { ChandlerError } from '../domain/failure.ts';
import type { Launch } from '../domain/ids.ts';
import { formatExit, signalOfCode, type LaunchState } from '../domain/launch-state.ts';
import { maskedTexts, redact } from '../domain/redact.ts';
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
  const state = await withHeartbeats({ step: launch.step }, ({ signal, report }) =>
    runner.waitLaunch(launch, {
      signal,
      onProgress: ({ logBytes, lastLine }) => report({ logBytes, lastLine: lastLineOf(lastLine, secrets) }),
    }),
  );
  if (state.kind === 'exited' && state.code === 0) {
    return { exitCode: 0, elapsedMs: state.elapsedMs, logBytes: state.logBytes };
  }
  throw await toFailure(runner, host, launch, state, secrets);
}

/** A line that is fit for heartbeats and tables. */
function lastLineOf(text: string, secrets: readonly string[]): string {
  return redact(plainText(text), secrets).trim().slice(0, LAST_LINE_LENGTH);
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
  const kept = over && atEnd ? chunk.bytes.length : keepWhole(chunk.bytes, options.values);
  return {
    text: redact(Buffer.from(chunk.bytes.subarray(0, kept)).toString('utf8'), options.values),
    nextOffset: chunk.offset + kept,
    size: chunk.size,
    complete: over && chunk.offset + kept >= chunk.size,
  };
}

/** How many bytes can be shown without the rest: up to the last line end, or all but what might be half a secret. */
function keepWhole(bytes: Uint8Array, secrets: readonly string[]): number {
  const newline = bytes.lastIndexOf(0x0a);
  const multiLine = secrets.some((value) => value.includes('\n'));
  if (newline >= 0 && !multiLine) return newline + 1;
  const longest = Math.max(4, ...maskedTexts(secrets).map((text) => Buffer.byteLength(text) * 2));
  return Math.max(0, bytes.length - longest);
}

async function toFailure(
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
  const signal = signalOfCode(state.code);
  const place = runner.place(launch);
  return new ChandlerError(
    launch.kind === 'finalizer' ? 'finalizer-failed' : 'step-failed',
    `${what}: ${formatExit(state.code)}`,
    {
      facts: {
        ...facts,
        exitCode: state.code,
        ...(signal !== undefined && { signal }),
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
    attachHint(place),
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
    return { logTail: redact(plainText(Buffer.from(bytes).toString('utf8')), secrets) };
  } catch (error) {
    return { logTail: `(the log cannot be read: ${error instanceof Error ? error.message : String(error)})` };
  }
}
