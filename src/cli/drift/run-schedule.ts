import type { DriftSchedule, DriftTimes } from '../../client.ts';
import { formatDuration } from '../../domain/text/duration.ts';
import { oneLine } from '../../domain/text/plain-text.ts';
import { announceOn, print, type CliContext } from '../context.ts';
import { CliError } from '../errors.ts';
import { exitCodes, type ExitCode } from '../exit-codes.ts';
import { loadReachedPlan } from '../hosts/reach-targets.ts';
import type { SshConfigOptions } from '../hosts/ssh-config-option.ts';
import type { PlanOptions } from '../input/plan-file.ts';
import type { Outputs } from '../output/outputs.ts';
import { printJson } from '../output/print-json.ts';
import { renderColumns } from '../output/render-columns.ts';
import type { ServerOptions } from '../server/server-options.ts';
import { withClient } from '../server/with-client.ts';

interface ChangeOptions extends ServerOptions {
  readonly json?: boolean;
  readonly reason?: string;
}

export interface CreateOptions extends ServerOptions, PlanOptions, SshConfigOptions {
  readonly every?: string;
  readonly cron?: string;
  readonly id?: string;
  readonly json?: boolean;
}

export async function createSchedule(
  context: CliContext,
  file: string,
  options: CreateOptions,
): Promise<ExitCode> {
  const times = timesOf(options);
  const plan = await loadReachedPlan(file, options, context);
  const { id, created } = await withClient(options, context, (client) =>
    client.driftSchedules.create(plan, times, options.id === undefined ? {} : { id: options.id }),
  );
  return report(context, options, { id, change: created ? 'created' : 'updated' });
}

/** @throws CliError usage */
function timesOf({ every, cron }: CreateOptions): DriftTimes {
  if (every !== undefined) return { every };
  if (cron !== undefined) return { cron };
  throw new CliError(exitCodes.usage, 'set when to check: --every 1h, or --cron EXPRESSION');
}

const DONE = { pause: 'paused', resume: 'resumed', remove: 'removed' } as const;

export async function changeSchedule(
  context: CliContext,
  change: keyof typeof DONE,
  id: string,
  options: ChangeOptions,
): Promise<ExitCode> {
  await withClient(options, context, ({ driftSchedules }) => driftSchedules[change](id, options.reason));
  return report(context, options, { id, change: DONE[change] });
}

function report(
  context: CliContext,
  { json }: { readonly json?: boolean },
  change: Outputs['scheduleChange'],
): ExitCode {
  if (json) printJson(context.stdout, change);
  else print(context, `${oneLine(change.id)} was ${change.change}`);
  return exitCodes.provisioned;
}

export async function listSchedules(
  context: CliContext,
  options: ServerOptions & { readonly json?: boolean },
): Promise<ExitCode> {
  const schedules = await withClient(options, context, (client) => client.driftSchedules.list());
  if (options.json) printJson(context.stdout, schedules);
  else if (schedules.length > 0) print(context, ...renderSchedules(schedules, context.now()));
  else
    announceOn(context)(`No schedules. Create one with: ${context.program} schedule create PLAN --every 1h`);
  return exitCodes.provisioned;
}

export function renderSchedules(schedules: readonly DriftSchedule[], nowMs: number): string[] {
  return renderColumns(
    ['ID', 'HOST', 'PLAN', 'TIMES', 'NEXT', 'LAST', 'FOUND'],
    schedules.map(({ id, host, plan, times, paused, note, nextAtMs, last }) => [
      oneLine(id),
      oneLine(host),
      oneLine(plan),
      oneLine(times),
      paused
        ? `paused${note === undefined ? '' : ` (${oneLine(note)})`}`
        : nextAtMs === undefined
          ? '-'
          : `in ${formatDuration(Math.max(0, nextAtMs - nowMs))}`,
      last ? `${formatDuration(Math.max(0, nowMs - last.atMs))} ago` : '-',
      last ? oneLine(last.message) : '-',
    ]),
  );
}
