import { boundedText } from '../domain/bounded-text.ts';
import { ChandlerError, messageOf } from '../domain/failure.ts';
import { addressOf, type Launch } from '../domain/ids.ts';
import { formatExit, type LaunchState } from '../domain/launch-state.ts';
import { redactPiece } from '../domain/redact.ts';
import { plainText } from '../domain/terminal.ts';
import type { SessionPlace } from '../host/launch.ts';
import type { Runner } from '../provision/runner.ts';
import { render } from '../shell/index.ts';
import { shortSshCommand } from '../ssh/index.ts';
import { attachHint } from '../zmx/index.ts';
import { withHeartbeats } from './heartbeat.ts';
import type { Ended, HostRef } from './types.ts';

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

/** How a launch that did not succeed ended, with the end of its log. */
export async function failureOfLaunch(
  runner: Runner,
  host: HostRef,
  launch: Launch,
  state: LaunchState,
  secrets: readonly string[],
): Promise<ChandlerError> {
  const what = `${launch.step}${launch.kind === 'finalizer' ? ' (finalizer)' : ''} on ${addressOf(host.target)}`;
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
          advice: `Look around with: \`${attachOverSsh(host, place)}\` — then retry or skip the step.`,
        }),
      },
    },
  );
}

/** The command that attaches to a session, for whoever may log in to the host. */
function attachOverSsh({ target }: HostRef, place: SessionPlace): string {
  const become = target.become === undefined ? '' : `${target.become} `;
  return render(shortSshCommand(target, { tty: true, command: `${become}${attachHint(place)}` }));
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
    return { logTail: `(the log cannot be read: ${messageOf(error)})` };
  }
}
