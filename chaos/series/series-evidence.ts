import { makeLaunch } from '../../src/domain/run/ids.ts';
import { acceptedActions } from '../../src/domain/run/audit-trail.ts';
import { launchesOf, type Evidence } from '../evidence.ts';
import { WORKFLOW_RESET } from '../controls.ts';
import type { LedgerLine } from '../ledger.ts';
import type { SeriesRun } from './draw-series.ts';

/** A run of a series, as client, server and ledger know it. */
export interface PlayedRun extends Pick<Evidence, 'status' | 'claims' | 'events' | 'faults' | 'outcome'> {
  readonly drawn: SeriesRun;
  readonly firstRunId: string;
  /** The run from which the ids of its launches derive: an earlier one, if it continues the launches of that. */
  readonly owner: string;
  readonly begunMs: number;
  readonly endedMs: number;
  /** When the server created its latest execution by a reset. */
  readonly resetMs?: number;
  /** The content of the sentinel after the run, empty without one; missing if another run followed before it could be read. */
  readonly sentinel?: string;
}

/** What is known about a series once all its runs are over. */
export interface SeriesEvidence extends Pick<
  Evidence,
  'hostName' | 'ledger' | 'launches' | 'alive' | 'sessions'
> {
  readonly runs: readonly PlayedRun[];
}

/** A step or a finalizer. */
export interface Part {
  readonly kind: LedgerLine['kind'];
  readonly step: string;
}

export const keyOf = ({ kind, step }: Part) => `${kind} ${step}`;

/**
 * The ledger lines of each run: those whose launches it could create. The later of two runs continued the launches of the other.
 * `strays` are the launches that no run could create.
 */
export function assign({ runs, ledger }: SeriesEvidence): {
  readonly byRun: readonly LedgerLine[][];
  readonly strays: ReadonlySet<string>;
} {
  const byRun: LedgerLine[][] = runs.map(() => []);
  const strays = new Set<string>();
  const begun = new Map(
    ledger.filter(({ event }) => event === 'start').map(({ launch, atMs }) => [launch, atMs]),
  );
  for (const line of ledger) {
    const { launch, step, kind, attempt } = line;
    const startMs = begun.get(launch) ?? line.atMs;
    const lines = byRun.findLast((_, i) => {
      const { owner, begunMs } = runs[i]!;
      return begunMs <= startMs && makeLaunch(owner, step, kind, attempt).id === launch;
    });
    if (lines) lines.push(line);
    else strays.add(launch);
  }
  return { byRun, strays };
}

/** The steps on which a part depends: those that it needs; for a finalizer, all. */
export function dependenciesOf({ drawn }: PlayedRun, { kind, step }: Part): Part[] {
  const needs = drawn.steps.find(({ name }) => name === step)?.needs ?? [];
  return drawn.steps
    .filter(({ name }) => kind === 'finalizer' || needs.includes(name))
    .map(({ name }) => ({ kind: 'step', step: name }));
}

export function partsOf({ drawn }: PlayedRun): Part[] {
  return drawn.steps.flatMap(({ name, finalizer }): Part[] => [
    { kind: 'step', step: name },
    ...(finalizer ? [{ kind: 'finalizer' as const, step: name }] : []),
  ]);
}

export function versionOf({ drawn }: PlayedRun, { kind, step }: Part): number | undefined {
  const found = drawn.steps.find(({ name }) => name === step);
  return (kind === 'step' ? found?.work : found?.finalizer)?.version;
}

export function wasSkipped({ status }: PlayedRun, step: string): boolean {
  return acceptedActions(status).some((action) => action.action === 'skipStep' && action.step === step);
}

/** When the workflow was last reset; -Infinity if it was not. */
export const lastResetMs = ({ drawn, faults, resetMs = -Infinity }: PlayedRun) =>
  Math.max(
    resetMs,
    ...faults
      .filter(({ kind, run }) => kind === WORKFLOW_RESET && run === drawn.name)
      .map(({ healedMs }) => healedMs),
  );

export const wasReset = (run: PlayedRun) => lastResetMs(run) > -Infinity;

/** The evidence of one run. Its launches may have met faults of later runs, and of earlier ones that it continues. */
export function evidenceOf(series: SeriesEvidence, number: number, ledger: readonly LedgerLine[]): Evidence {
  const { hostName, runs, launches, alive, sessions } = series;
  const run = runs[number]!;
  const { drawn, owner, outcome, status, claims, events } = run;
  const begun = new Set(series.ledger.map(({ launch }) => launch));
  const unbegun = launchesOf({ firstRunId: owner, status }).filter(({ id }) => !begun.has(id));
  const known = new Set([...ledger.map(({ launch }) => launch), ...unbegun.map(({ id }) => id)]);
  const first = runs.findIndex((each) => each.owner === owner);
  const faults = [...new Set(runs.slice(first).flatMap((each) => each.faults))];
  return {
    drawn,
    firstRunId: owner,
    hostName,
    ledger,
    outcome,
    status,
    claims,
    events,
    launches: launches.filter(({ launch }) => known.has(launch)),
    alive,
    sessions,
    read: [],
    faults,
  };
}
