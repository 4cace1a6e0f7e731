import { quantile } from './quantile.ts';
import { windowName } from './aim.ts';
import type { Injected } from './evidence.ts';
import { groupBy } from './group.ts';
import type { CallLine } from './ledger.ts';
import type { JudgedRun } from './run.ts';

/** The result of a campaign. */
export interface Tally {
  readonly workflows: number;
  readonly faults: readonly Injected[];
  readonly violations: number;
  /** Those of the workflows and faults that belong to series. */
  readonly series: { readonly workflows: number; readonly faults: number };
  /** Rollouts of fleets, with the workflows and faults that belong to them. */
  readonly fleets: { readonly rollouts: number; readonly workflows: number; readonly faults: number };
  readonly outcomes: Readonly<Record<string, number>>;
  /** How often an operator continued a run that hung after a pause, by what they sent. */
  readonly woken: Readonly<Record<string, number>>;
}

/** A table of faults by kind, with recovery times. */
export function renderTable(tally: Tally): string {
  const kinds = groupBy(tally.faults, ({ kind }) => kind);
  const rows = [...kinds]
    .sort(([, a], [, b]) => b.length - a.length)
    .map(([kind, faults]) => {
      const aimed = faults.filter(({ window }) => window).length;
      const alone = faults.filter((fault) => isAlone(fault, tally.faults));
      return [kind, faults.length, aimed, ...recoveries(faults), ...recoveries(alone)];
    });
  const times = ['recovered', 'median', 'p99'];
  const head = ['fault', 'injected', 'aimed', ...times, ...times.map((name) => `${name}, alone`)];
  const table = [head, ...rows].map((row) => row.map(String));
  const widths = head.map((_, i) => Math.max(...table.map((row) => row[i]!.length)));
  const lines = table.map((row) =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join('  '),
  );
  const outcomes = Object.entries(tally.outcomes).map(([outcome, count]) => `${count} ${outcome}`);
  const woken = Object.entries(tally.woken).map(([how, count]) => `${count} by a ${how}`);
  const wokenLine = woken.length === 0 ? [] : [`woken after a pause: ${woken.join(', ')}`];
  const { series, fleets } = tally;
  const seriesLine = `in series: ${series.workflows} workflows, ${series.faults} faults`;
  const fleetsLine = `in fleets: ${fleets.rollouts} rollouts, ${fleets.workflows} workflows, ${fleets.faults} faults`;
  return [...lines, '', `runs: ${outcomes.join(', ')}`, seriesLine, fleetsLine, ...wokenLine].join('\n');
}

/** Number and times of recoveries. A fault that stopped nothing has none. */
function recoveries(faults: readonly Injected[]): (string | number)[] {
  const times = faults.flatMap(({ recoveryMs }) => recoveryMs ?? []);
  return [times.length, seconds(quantile(times, 0.5)), seconds(quantile(times, 0.99))];
}

/**
 * True if no other fault struck the same host, a worker or the server before the recovery, so that the time is due to this
 * fault alone.
 */
function isAlone(fault: Injected, all: readonly Injected[]): boolean {
  const end = fault.healedMs + (fault.recoveryMs ?? 0);
  return !all.some(
    (other) =>
      other !== fault &&
      (other.host === fault.host || !other.onHost) &&
      other.atMs < end &&
      other.healedMs + (other.recoveryMs ?? 0) > fault.atMs - RESTING_MS,
  );
}

/** Earlier faults may still have an effect. */
const RESTING_MS = 1000;

/** The summary line. */
export const renderSummary = ({ workflows, faults, violations }: Tally): string =>
  `chaos: ${workflows} workflows, ${faults.length} faults, ${violations} violations`;

/** A violation, how to reproduce it, and the events around it in order of time. */
export function renderViolations(
  { evidence, violations }: JudgedRun,
  seed: number,
  calls: readonly CallLine[],
): string {
  const broken = violations.map(({ invariant, what }) => `VIOLATION ${invariant}: ${what}`);
  const { drawn, ledger, faults, events, hostName, outcome } = evidence;
  const begin = Math.min(...events.map(({ atMs }) => atMs)) - 1000;
  const end = Math.max(...events.map(({ atMs }) => atMs)) + 1000;
  const timeline = renderTimeline([
    ...entries(
      ledger,
      'ledger',
      (line) => line.atMs,
      ({ launch, event, kind, step, attempt, code }) =>
        `${launch} ${event} ${code ?? ''} (${kind} ${step}, attempt ${attempt})`,
    ),
    ...faultEntries(faults),
    ...entries(
      events,
      'history',
      (it) => it.atMs,
      ({ text }) => text,
    ),
    ...entries(
      calls.filter(({ host, atMs }) => host === hostName && atMs >= begin && atMs <= end),
      'host',
      (it) => it.atMs,
      ({ call }) => call,
    ),
  ]);
  return [
    ...broken,
    `seed ${seed}, ${drawn.name} on ${hostName}, ${JSON.stringify(outcome)}`,
    JSON.stringify({ drawn, launches: evidence.launches.map(({ log: _log, ...rest }) => rest) }),
    ...timeline,
    '',
  ].join('\n');
}

interface Entry {
  readonly atMs: number;
  readonly from: string;
  readonly text: string;
}

/** One line for each entry, in order of time. */
export function renderTimeline(items: readonly Entry[]): string[] {
  return items
    .toSorted((a, b) => a.atMs - b.atMs)
    .map(
      ({ atMs, from, text }) => `  ${new Date(atMs).toISOString().slice(11, 23)}  ${from.padEnd(7)}  ${text}`,
    );
}

/** When faults began, and when those that lasted ended. */
export function faultEntries(faults: readonly Injected[]): Entry[] {
  return [
    ...entries(faults, 'fault', (it) => it.atMs, describeFault),
    ...entries(
      faults.filter(({ atMs, healedMs }) => healedMs > atMs + 20),
      'healed',
      (it) => it.healedMs,
      ({ kind }) => kind,
    ),
  ];
}

function describeFault({ kind, window, run }: Injected): string {
  return `${kind}${window ? ` aimed at ${windowName(window)}` : ''} (of ${run})`;
}

export const entries = <T>(
  items: readonly T[],
  from: string,
  at: (item: T) => number,
  text: (item: T) => string,
): Entry[] => items.map((item) => ({ atMs: at(item), from, text: text(item) }));

const seconds = (ms: number) => (Number.isNaN(ms) ? '–' : `${(ms / 1000).toFixed(1)} s`);
