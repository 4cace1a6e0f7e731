import { writeFile } from 'node:fs/promises';
import { renderFleetMarkdown } from '../../domain/fleet/fleet-markdown.ts';
import type { FleetHostStatus, FleetStatus } from '../../domain/fleet/fleet-status.ts';
import { left, prose, table } from '../../domain/text/markdown.ts';
import type { CliContext } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { escapeControls } from '../../domain/text/plain-text.ts';
import { describeFailure, shownState } from '../output/render-fleet.ts';
import { attributes } from '../output/render-junit.ts';
import type { ServerOptions } from '../server/server-options.ts';
import { withClient } from '../server/with-client.ts';
import { readAllHosts } from './show-fleet.ts';

const FORMATS = { json: toJson, markdown: toMarkdown, csv: toCsv, junit: toJunit } as const;
export type FleetReportFormat = keyof typeof FORMATS;

/** Writes a report of a fleet with every host. */
export function reportFleet(
  context: CliContext,
  name: string,
  {
    format = 'markdown',
    output,
    ...options
  }: ServerOptions & { readonly format?: FleetReportFormat; readonly output?: string },
): Promise<number> {
  return withClient(options, context, async (client) => {
    const [status, hosts] = await Promise.all([client.fleets.status(name), readAllHosts(client, name)]);
    const text = FORMATS[format](status, hosts);
    if (output === undefined) context.stdout.write(text);
    else await writeFile(output, text);
    return exitCodes.provisioned;
  });
}

function toJson(status: FleetStatus, hosts: readonly FleetHostStatus[]): string {
  return `${escapeControls(JSON.stringify({ ...status, allHosts: hosts }, undefined, 2))}\n`;
}

function toMarkdown(status: FleetStatus, hosts: readonly FleetHostStatus[]): string {
  const rows = hosts.map((host) => [
    prose(host.name),
    shownState(host.state),
    String(host.wave),
    secondsOf(host),
    host.failure ? prose(describeFailure(host.failure)) : '',
    prose(host.workflowId),
  ]);
  const columns = left('host', 'state', 'wave', 'seconds', 'why', 'run');
  return [
    `# Fleet ${prose(status.name)}`,
    renderFleetMarkdown(status),
    '## Hosts',
    ...table(columns, rows),
    '',
  ].join('\n\n');
}

function toCsv(_: FleetStatus, hosts: readonly FleetHostStatus[]): string {
  const head = ['name', 'state', 'wave', 'runs', 'started', 'seconds', 'code', 'step', 'message', 'run'];
  const rows = hosts.map((host) => [
    host.name,
    shownState(host.state),
    host.wave,
    host.runs,
    host.startedAtMs === undefined ? '' : new Date(host.startedAtMs).toISOString(),
    secondsOf(host),
    host.failure?.code ?? '',
    host.failure?.step ?? '',
    host.failure?.message ?? '',
    host.workflowId,
  ]);
  return [head, ...rows].map((row) => `${row.map(csvCell).join(',')}\n`).join('');
}

/** A spreadsheet would run a cell that begins like a formula. */
function csvCell(value: string | number): string {
  const text = String(value);
  const safe = typeof value === 'string' && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

function toJunit(
  { name, plan, hosts: total, counts, startedAtMs, endedAtMs }: FleetStatus,
  hosts: readonly FleetHostStatus[],
): string {
  const cases = hosts.map(({ name: host, state, failure, ...times }) => {
    const own = attributes({ name: host, classname: plan, time: secondsOf(times) || '0' });
    if (state === 'done') return `    <testcase${own}/>`;
    if (!failure || state === 'pending' || state === 'running' || state === 'skipped')
      return `    <testcase${own}><skipped${attributes({ message: shownState(state) })}/></testcase>`;
    const about = attributes({ type: failure.code, message: describeFailure(failure) });
    return `    <testcase${own}><failure${about}/></testcase>`;
  });
  const failures = counts.failed + counts.parked;
  const head = attributes({
    name: `fleet ${name}`,
    tests: total,
    failures,
    errors: 0,
    skipped: total - counts.done - failures,
    time: (((endedAtMs ?? startedAtMs) - startedAtMs) / 1000).toFixed(3),
    timestamp: new Date(startedAtMs).toISOString(),
  });
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<testsuites>',
    `  <testsuite${head}>`,
    ...cases,
    '  </testsuite>',
    '</testsuites>',
    '',
  ].join('\n');
}

function secondsOf({ startedAtMs, endedAtMs }: Pick<FleetHostStatus, 'startedAtMs' | 'endedAtMs'>): string {
  return startedAtMs === undefined || endedAtMs === undefined
    ? ''
    : ((endedAtMs - startedAtMs) / 1000).toFixed(1);
}
