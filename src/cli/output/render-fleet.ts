import type { FleetInfo } from '../../client.ts';
import type { FleetHostStatus, FleetStatus, HostCounts } from '../../domain/fleet/fleet-status.ts';
import { count } from '../../domain/text/count.ts';
import { formatDuration, formatTimeLeft } from '../../domain/text/duration.ts';
import { oneLine } from '../../domain/text/plain-text.ts';
import { plain, type Paint, type Style } from './paint.ts';
import { renderColumns } from './render-columns.ts';
import { cut } from './text.ts';

/** How fast hosts end, and when the last one will have. */
export interface FleetPace {
  readonly hostsPerMinute: number;
  readonly leftMs: number;
}

export interface FleetView {
  readonly nowMs: number;
  readonly columns: number;
  /** At most so many lines. */
  readonly maxRows: number;
  readonly paint?: Paint;
  readonly pace?: FleetPace | undefined;
}

const BAR_WIDTH = { least: 10, most: 40 };
const MAX_WAVES = 8;

/** Renders a fleet: its progress, its waves, the hosts to inspect first, and what an operator must do. */
export function renderFleet(status: FleetStatus, view: FleetView): string[] {
  const { paint = plain, columns, maxRows } = view;
  const { attention } = status;
  const counts = describeCounts(status);
  const head: Line[] = [
    ['bold', headline(status, view.nowMs)],
    [undefined, `${bar(status, columns - counts.length - 3)} ${counts}`],
    [undefined, describeLimits(status, view.pace)],
  ];
  const alarm: Line[] = attention
    ? [
        [undefined, ''],
        ['yellow', `Needs attention: ${attention.message}`],
        [undefined, `  ${attention.advice.replaceAll('`', '')}`],
      ]
    : [];
  const waves = status.waveCount > 1 ? ['', ...renderWaves(status)] : [];
  const room = maxRows - head.length - alarm.length - waves.length - 2;
  const worst = status.worst.slice(0, Math.max(0, room));
  const hosts = worst.length > 0 ? ['', ...renderWorst(worst, view.nowMs)] : [];
  const lines = [...head, ...[...waves, ...hosts].map((text): Line => [undefined, text]), ...alarm];
  return lines.map(([style, text]) => {
    const shown = columns === Infinity ? text : cut(text, columns);
    return style === undefined ? shown : paint(style, shown);
  });
}

type Line = readonly [Style | undefined, string];

function headline(
  { name, plan, phase, wave, waveCount, gate, paused, startedAtMs, endedAtMs }: FleetStatus,
  nowMs: number,
): string {
  const waves = waveCount > 1 ? `, wave ${wave} of ${waveCount}` : '';
  const waits = describeGate(gate, nowMs);
  const time = formatDuration((endedAtMs ?? nowMs) - startedAtMs);
  return `Fleet ${oneLine(name)} (${oneLine(plan)}): ${phase}${waves}${waits}${paused ? ', paused' : ''}, ${time}`;
}

function describeGate(gate: FleetStatus['gate'], nowMs: number): string {
  switch (gate?.kind) {
    case undefined:
      return '';
    case 'promote':
      return ' over, waiting for promote';
    case 'check':
      return gate.failed !== undefined ? ' over, its check did not succeed' : ' over, being checked';
    case 'time':
      return ` over, the next one starts in ${formatTimeLeft(gate.untilMs - nowMs)}`;
  }
}

function bar({ hosts, counts }: FleetStatus, room: number): string {
  const width = Math.max(BAR_WIDTH.least, Math.min(BAR_WIDTH.most, room));
  const part = (n: number) => Math.round((n / hosts) * width);
  const done = part(counts.done);
  const ended = part(counts.done + counts.failed + counts.parked);
  const begun = Math.max(ended, part(hosts - counts.pending));
  return `[${'#'.repeat(done)}${'!'.repeat(ended - done)}${'>'.repeat(begun - ended)}${'.'.repeat(width - begun)}]`;
}

/** `12 of 20 done, 5 running, 3 pending` */
export function describeCounts({
  hosts,
  counts,
  skipped,
}: Pick<FleetStatus, 'hosts' | 'counts' | 'skipped'>): string {
  const { pending, running, parked, failed, done } = counts;
  const others = Object.entries({ running, parked, failed, pending }).filter(([, n]) => n > 0);
  const isSkipped = skipped > 0 ? ` (${skipped} skipped)` : '';
  return [`${done} of ${hosts} done${isSkipped}`, ...others.map(([state, n]) => `${n} ${state}`)].join(', ');
}

function describeLimits({ concurrency, failures }: FleetStatus, pace: FleetPace | undefined): string {
  const speed = pace
    ? [
        `${pace.hostsPerMinute < 10 ? pace.hostsPerMinute.toFixed(1) : Math.round(pace.hostsPerMinute)} hosts a minute`,
        ...(pace.leftMs > 0 ? [`about ${formatTimeLeft(pace.leftMs)} left`] : []),
      ]
    : [];
  return [
    `at most ${concurrency} at once`,
    `${count(failures.count, 'failure')}, ${failures.allowed} allowed`,
    ...speed,
  ].join(' · ');
}

function renderWaves({ waves, wave: current }: FleetStatus): string[] {
  const near = waves.filter(({ wave }) => wave > current - MAX_WAVES / 2).slice(0, MAX_WAVES);
  const cells = near.map(({ wave, hosts, counts }) => [
    `${wave === current ? '>' : ' '} ${wave}`,
    String(hosts),
    ...(['done', 'running', 'parked', 'failed', 'pending'] as const).map((state) => shown(counts, state)),
  ]);
  return renderColumns(['  WAVE', 'HOSTS', 'DONE', 'RUNNING', 'PARKED', 'FAILED', 'PENDING'], cells);
}

function shown(counts: HostCounts, state: keyof HostCounts): string {
  return counts[state] === 0 ? '' : String(counts[state]);
}

function renderWorst(hosts: readonly FleetHostStatus[], nowMs: number): string[] {
  return renderColumns(
    ['HOST', 'STATE', 'SINCE', 'WHY', 'RUN'],
    hosts.map((host) => hostCells(host, nowMs)),
  );
}

function hostCells(
  { name, state, startedAtMs, endedAtMs, failure, workflowId }: FleetHostStatus,
  nowMs: number,
): string[] {
  const sinceMs = endedAtMs ?? startedAtMs;
  return [
    oneLine(name),
    shownState(state),
    sinceMs === undefined ? '' : formatDuration(nowMs - sinceMs),
    failure ? cut(oneLine(describeFailure(failure)), 60) : '',
    workflowId,
  ];
}

/** Renders hosts, one a line. */
export function renderFleetHosts(hosts: readonly FleetHostStatus[]): string[] {
  return renderColumns(
    ['HOST', 'STATE', 'WAVE', 'TIME', 'WHY', 'RUN'],
    hosts.map(({ name, state, wave, startedAtMs, endedAtMs, failure, workflowId }) => [
      oneLine(name),
      shownState(state),
      String(wave),
      startedAtMs === undefined || endedAtMs === undefined ? '' : formatDuration(endedAtMs - startedAtMs),
      failure ? oneLine(describeFailure(failure)) : '',
      workflowId,
    ]),
  );
}

export function describeFailure({ code, message, step }: NonNullable<FleetHostStatus['failure']>): string {
  const text = message === '' ? code : `${message} (${code})`;
  return step === undefined ? text : `${step}: ${text}`;
}

/** A parked host that counts as failed is still parked. */
export function shownState(state: FleetHostStatus['state']): string {
  return state === 'overdue' ? 'parked' : state;
}

/** Renders fleets, one a line. */
export function renderFleets(fleets: readonly FleetInfo[], nowMs: number): string[] {
  return renderColumns(
    ['FLEET', 'STATUS', 'HOSTS', 'STARTED', 'TIME'],
    fleets.map(({ name, status, phase, attention, hosts, startedAtMs, endedAtMs }) => [
      oneLine(name),
      attention && endedAtMs === undefined ? 'needs attention' : phase || status.toLowerCase(),
      count(hosts, 'host'),
      `${formatDuration(nowMs - startedAtMs)} ago`,
      formatDuration((endedAtMs ?? nowMs) - startedAtMs),
    ]),
  );
}
