import { setTimeout as delay } from 'node:timers/promises';
import type { ChandlerClient } from '../../client.ts';
import type { FleetEnd } from '../../client/fleet-types.ts';
import { fleetWorkflowId } from '../../domain/fleet/fleet-id.ts';
import type { FleetStatus } from '../../domain/fleet/fleet-status.ts';
import { announceOn, print, type CliContext } from '../context.ts';
import { isNoWorker } from '../errors.ts';
import { exitCodes, type ExitCode } from '../exit-codes.ts';
import { isFleetCutOff, fetchFleet, type FleetReading } from '../live/followed-fleet.ts';
import { keepConnected, LostError } from '../live/keep-connected.ts';
import { startState } from '../live/screen/model.ts';
import { showOnScreen, type ScreenOptions } from '../live/screen/show-on-screen.ts';
import { colored, plain } from '../output/paint.ts';
import { jsonLine } from '../output/print-json.ts';
import { describeCounts, renderFleet, type FleetView } from '../output/render-fleet.ts';
import type { ToCommand } from '../output/reports.ts';
import { runUrl, type Server } from '../server/locate-server.ts';
import { serverFlags, type ServerOptions } from '../server/server-options.ts';
import { toQuery } from '../server/visibility-query.ts';
import { reconnecting } from '../server/with-client.ts';

export interface FollowFleetOptions {
  /** Whether to continue when only an operator can help; default: on a terminal. */
  readonly wait?: boolean;
  readonly json?: boolean;
}

export interface FleetSource extends Pick<ScreenOptions, 'client' | 'connect' | 'urlOf' | 'flags'> {
  readonly name: string;
}

const EVERY_MS = 500;

/**
 * Shows a fleet until it is over, until the user leaves, or until nothing can continue without an operator and `--wait` was not set: on a
 * terminal with its runs on the whole screen, elsewhere a line for each change. Returns the exit code.
 */
export async function followFleet(
  context: CliContext,
  source: FleetSource,
  options: FollowFleetOptions,
  command: ToCommand,
): Promise<ExitCode> {
  const { name } = source;
  const { json = false, wait = context.isTty && !json } = options;
  const { keyboard } = context;
  const isEnd = ({ status, isCutOff }: FleetReading) =>
    isCutOff || (status !== undefined && (status.endedAtMs !== undefined || (!wait && isStuck(status))));
  const last =
    keyboard && !json
      ? await followOnScreen(context, source, keyboard, isEnd)
      : await followInLines(context, source, json, isEnd, describeSilence(name, command));
  const announce = announceOn(context);
  if (!last || !isEnd(last)) {
    announce(`Stopped following; the fleet continues. Follow it again: ${command('fleet', 'watch', name)}`);
    return exitCodes.interrupted;
  }
  const { status } = last;
  if (last.isCutOff || !status) {
    const runs = command('status', '--fleet', name);
    announce(`The fleet ${name} was terminated; the runs of its hosts continue: ${runs}`);
    return exitCodes.aborted;
  }
  if (keyboard && !json) print(context, ...renderFleet(status, viewOf(context)));
  if (status.endedAtMs === undefined) return exitCodes.parked;
  const end = await readEnd(context, source);
  if (!end) return exitCodes.interrupted;
  if (!json) print(context, describeEnd(status, end));
  return exitCodeOfFleet(end);
}

const ignore = () => undefined;

/** Over a connection of its own, because the first one may be to a server that has moved since. */
async function readEnd(
  { signal }: CliContext,
  { client, connect, name }: FleetSource,
): Promise<FleetEnd | undefined> {
  const connection = keepConnected({ client, connect, onLost: ignore, onFound: ignore });
  try {
    return await askUntil(signal, EVERY_MS, () =>
      askLive(() => connection.ask((each) => each.fleets.result(name))),
    );
  } finally {
    connection.close();
  }
}

function viewOf(context: CliContext): FleetView {
  const paint = context.color ? colored : plain;
  return { nowMs: context.now(), columns: context.terminalSize().columns, maxRows: Infinity, paint };
}

async function followOnScreen(
  context: CliContext,
  { name, ...source }: FleetSource,
  keyboard: ScreenOptions['keyboard'],
  isEnd: (fleet: FleetReading) => boolean,
): Promise<FleetReading | undefined> {
  // Reports a wrong name before the screen opens.
  await isFleetCutOff(source.client, name);
  const { state } = await showOnScreen(context, {
    ...source,
    keyboard,
    scope: { kind: 'query', query: toQuery({ fleet: name }), fleet: name },
    start: startState({
      single: false,
      scope: `fleet ${name}`,
      size: context.terminalSize(),
      nowMs: context.now(),
    }),
    // Who reads a log or answers a question is not interrupted.
    endOf: ({ fleet, view, dialog }) =>
      view === 'list' && !dialog && fleet && isEnd(fleet) ? exitCodes.provisioned : undefined,
  });
  return state.fleet;
}

async function followInLines(
  context: CliContext,
  { client, connect, name }: FleetSource,
  json: boolean,
  isEnd: (fleet: FleetReading) => boolean,
  silence: string,
): Promise<FleetReading | undefined> {
  const announce = announceOn(context);
  const connection = keepConnected({
    client,
    connect,
    onLost: () => announce('The Temporal server does not answer; waiting for it'),
    onFound: () => announce('The Temporal server answers again'),
  });
  let shown = '';
  const reportSilence = announceOnce(context);
  try {
    return await askUntil(context.signal, EVERY_MS, async () => {
      const fleet = await askLive(
        () => connection.ask((each) => fetchFleet(each, name)),
        () => reportSilence(silence),
      );
      if (fleet) reportSilence('');
      const text = !fleet?.status
        ? shown
        : json
          ? jsonLine(fleet.status)
          : `${describeChange(fleet.status)}\n`;
      if (text !== shown) context.stdout.write(text);
      shown = text;
      return fleet && isEnd(fleet) ? fleet : undefined;
    });
  } finally {
    connection.close();
  }
}

/** Asks until there is an answer. Returns undefined after Ctrl-C. */
export async function askUntil<T>(
  signal: AbortSignal,
  everyMs: number,
  ask: () => Promise<T | undefined>,
): Promise<T | undefined> {
  while (!signal.aborted) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    await delay(everyMs, undefined, { signal }).catch(ignore);
  }
  return undefined;
}

/** Returns undefined while the server does not answer, or no worker does; `onSilence` is called for the latter. */
export async function askLive<T>(
  work: () => Promise<T>,
  onSilence: () => void = ignore,
): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof LostError) return undefined;
    if (!isNoWorker(error)) throw error;
    onSilence();
    return undefined;
  }
}

/** Returns a function that announces a line unless it was the latest one. An empty line is not announced. */
export function announceOnce(context: CliContext): (line: string) => void {
  const announce = announceOn(context);
  let latest = '';
  return (line) => {
    if (line !== '' && line !== latest) announce(line);
    latest = line;
  };
}

export function describeSilence(name: string, command: ToCommand): string {
  return `No worker answers for the fleet ${name}. It continues once one does; start one with: ${command('worker')}`;
}

/** Whether nothing can continue without an operator. */
export function isStuck({ attention, counts, paused }: FleetStatus): boolean {
  return counts.running === 0 && (attention !== undefined || paused);
}

/** One line for logs. */
function describeChange(status: FleetStatus): string {
  const { name, wave, waveCount, attention } = status;
  const waves = waveCount > 1 ? `wave ${wave} of ${waveCount}: ` : '';
  const alarm = attention ? `. ${attention.message} ${attention.advice.replaceAll('`', '')}` : '';
  return `${name}: ${waves}${describeCounts(status)}${alarm}`;
}

export function describeEnd(status: FleetStatus, end: FleetEnd): string {
  const counts = describeCounts(status);
  if ('failure' in end)
    return `The fleet ${status.name} was not rolled out: ${end.failure.message} (${counts})`;
  return end.outcome === 'provisioned'
    ? `The fleet ${status.name} is provisioned: ${counts}`
    : `The fleet ${status.name} is over, and some hosts failed: ${counts}`;
}

export function exitCodeOfFleet({ outcome }: FleetEnd): ExitCode {
  switch (outcome) {
    case 'provisioned':
      return exitCodes.provisioned;
    case 'incomplete':
    case 'failed':
      return exitCodes.failed;
    case 'aborted':
      return exitCodes.aborted;
  }
}

/** How to reach a fleet again, and its runs. */
export function fleetSource(
  context: CliContext,
  options: ServerOptions,
  { client, server }: { readonly client: ChandlerClient; readonly server: Server },
  name: string,
): FleetSource {
  return {
    client,
    name,
    connect: reconnecting(options, context, fleetWorkflowId(name)),
    urlOf: (run) => runUrl(server, run),
    flags: serverFlags(options),
  };
}
