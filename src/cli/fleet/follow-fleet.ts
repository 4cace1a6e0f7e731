import { setTimeout as delay } from 'node:timers/promises';
import type { ChandlerClient } from '../../client.ts';
import type { FleetEnd } from '../../client/fleet-types.ts';
import type { FleetStatus } from '../../domain/fleet/fleet-status.ts';
import { fleetWorkflowId } from '../../domain/fleet/fleet-id.ts';
import { isOpenStatus } from '../../domain/run/execution-status.ts';
import { announceOn, print, type CliContext } from '../context.ts';
import { exitCodes, type ExitCode } from '../exit-codes.ts';
import { keepConnected, LostError } from '../live/keep-connected.ts';
import { createRedrawnBlock } from '../live/redrawn-block.ts';
import { colored, plain } from '../output/paint.ts';
import { jsonLine } from '../output/print-json.ts';
import { describeCounts, renderFleet } from '../output/render-fleet.ts';
import type { ToCommand } from '../output/reports.ts';
import { createPace } from './fleet-pace.ts';

export interface FollowFleetOptions {
  /** Whether to continue when only an operator can help; default: on a terminal. */
  readonly wait?: boolean;
  readonly json?: boolean;
}

export interface FleetSource {
  readonly client: ChandlerClient;
  readonly connect: () => Promise<ChandlerClient>;
  readonly name: string;
}

const EVERY_MS = 500;
/** gRPC (https://grpc.io/docs/guides/status-codes/). */
const DEADLINE_EXCEEDED = 4;

/**
 * Shows a fleet until it is over, until Ctrl-C, or until nothing goes on without an operator and `--wait` was not set. Returns the exit
 * code.
 */
export async function followFleet(
  context: CliContext,
  { client, connect, name }: FleetSource,
  options: FollowFleetOptions,
  command: ToCommand,
): Promise<ExitCode> {
  const { json = false, wait = context.isTty && !json } = options;
  const display = createDisplay(context, json);
  const announce = announceOn(context);
  const connection = keepConnected({
    client,
    connect,
    onLost: () => announce('The Temporal server does not answer; waiting for it'),
    onFound: () => announce('The Temporal server answers again'),
  });
  try {
    while (!context.signal.aborted) {
      const status = await askLive(() => connection.ask((each) => each.fleets.status(name)));
      if (status) {
        display.show(status);
        if (status.endedAtMs !== undefined) {
          const end = await connection.ask((each) => each.fleets.result(name));
          display.close();
          if (!json) print(context, describeEnd(status, end));
          return exitCodeOfFleet(end);
        }
        if (!wait && isStuck(status)) {
          display.close();
          return exitCodes.parked;
        }
      } else if (await isCutOff(connection, name)) {
        display.close();
        announce(
          `The fleet ${name} was terminated; the runs of its hosts continue: ${command('status', '--fleet', name)}`,
        );
        return exitCodes.aborted;
      }
      await delay(EVERY_MS, undefined, { signal: context.signal }).catch(() => undefined);
    }
  } finally {
    connection.close();
  }
  display.close();
  announce(`Stopped following; the fleet continues. Follow it again: ${command('fleet', 'watch', name)}`);
  return exitCodes.interrupted;
}

/** Returns undefined while the server does not answer, or no worker can. */
export async function askLive<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof LostError || isLate(error)) return undefined;
    throw error;
  }
}

/** Whether no worker answers the query. */
function isLate(error: unknown): boolean {
  const cause = error instanceof Error ? (error.cause ?? error) : undefined;
  return cause instanceof Error && 'code' in cause && cause.code === DEADLINE_EXCEEDED;
}

/** Whether the workflow of a fleet is closed. */
export async function isCutOff(connection: ReturnType<typeof keepConnected>, name: string): Promise<boolean> {
  const found = await askLive(() =>
    connection.ask((each) => each.temporal.workflow.getHandle(fleetWorkflowId(name)).describe()),
  );
  return found !== undefined && !isOpenStatus(found.status.name);
}

/** Whether nothing goes on without an operator. */
export function isStuck({ attention, counts, paused }: FleetStatus): boolean {
  return counts.running === 0 && (attention !== undefined || paused);
}

interface FleetDisplay {
  show(status: FleetStatus): void;
  close(): void;
}

/** A block that is redrawn in place on a terminal; elsewhere a line for each change, as text or JSON. */
function createDisplay(context: CliContext, json: boolean): FleetDisplay {
  const pace = createPace();
  if (context.isTty && !json) {
    const block = createRedrawnBlock(context);
    const paint = context.color ? colored : plain;
    return {
      show(status) {
        const { columns, rows } = context.terminalSize();
        const nowMs = context.now();
        block.draw(
          renderFleet(status, { columns, maxRows: rows - 2, nowMs, paint, pace: pace(status, nowMs) }),
        );
      },
      close: () => block.close(),
    };
  }
  let shown = '';
  return {
    show(status) {
      const text = json ? jsonLine(status) : describeChange(status);
      if (text === shown) return;
      shown = text;
      if (json) context.stdout.write(text);
      else print(context, text);
    },
    close() {},
  };
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
