import type { Evidence, HostLaunch } from '../evidence.ts';
import { invariants, type Violation } from '../invariants.ts';
import type { LedgerLine } from '../ledger.ts';
import type { JudgedRun } from '../run.ts';
import {
  assign,
  dependenciesOf,
  evidenceOf,
  keyOf,
  lastResetMs,
  partsOf,
  versionOf,
  wasReset,
  wasSkipped,
  type Part,
  type PlayedRun,
  type SeriesEvidence,
} from './series-evidence.ts';

/** What must hold over the runs of a series, beside what must hold for each of them. */
export type SeriesInvariant = (typeof seriesInvariants)[number];
const seriesInvariants = [
  'a run does what its plan contains now',
  'what is unchanged does not run again',
  'nothing is forgotten',
  'a part runs after what it depends on',
  'a limited run runs only the selected steps',
  'a run that nothing disturbs reaches its goal',
  'the sentinel names the plan that is done',
] as const;

/** A launch that the ledger has seen, with what it depended on when it began. */
interface Begun {
  readonly id: string;
  readonly part: Part;
  readonly version: number;
  readonly atMs: number;
  /** It has ended well, by the ledger and by the host. */
  readonly isDone: boolean;
  readonly run: number;
  readonly needs: ReadonlySet<string>;
}

/** Judges the runs of a series, each by its own records, and all of them by the ledger. */
export function judgeSeries(evidence: SeriesEvidence): JudgedRun[] {
  const { runs } = evidence;
  const launches = new Map(evidence.launches.map((launch) => [launch.launch, launch]));
  const { byRun, strays } = assign(evidence);
  const latest = new Map<string, Begun>();
  return runs.map((run, number) => {
    const violations: Violation[] = [];
    const context: Context = {
      runs,
      number,
      run,
      latest,
      report: (invariant, what) => void violations.push({ invariant, what }),
    };
    const lines = byRun[number] ?? [];
    if (number === runs.length - 1)
      for (const launch of strays)
        context.report('a run does what its plan contains now', `launch ${launch} belongs to no run`);
    for (const line of lines.filter(({ event }) => event === 'start'))
      judgeLaunch(context, line, launches, evidence.ledger);
    judgeEnd(context, lines);
    const whole = evidenceOf(evidence, number, lines);
    return {
      evidence: whole,
      faults: run.faults.filter((fault) => fault.run === run.drawn.name),
      violations: [...violations, ...judgeAlone(whole, evidence.ledger)],
    };
  });
}

interface Context {
  readonly runs: readonly PlayedRun[];
  readonly number: number;
  readonly run: PlayedRun;
  /** The latest launch of each part before this moment. */
  readonly latest: Map<string, Begun>;
  readonly report: (invariant: SeriesInvariant, what: string) => void;
}

/** Judges the beginning of a launch by what the ledger had before. */
function judgeLaunch(
  context: Context,
  line: LedgerLine,
  launches: ReadonlyMap<string, HostLaunch>,
  ledger: readonly LedgerLine[],
): void {
  const { run, latest, report, number } = context;
  const { kind, step, launch: id, atMs } = line;
  const part = { kind, step };
  const name = `${keyOf(part)} (launch ${id})`;
  const version = Number(line.run.split(':')[1]);
  const wanted = versionOf(run, part);
  if (version !== wanted)
    report(
      'a run does what its plan contains now',
      `${name} ran version ${version}; the plan has ${wanted ?? 'no such part'}`,
    );
  const before = latest.get(keyOf(part));
  if (
    before?.isDone &&
    before.version === version &&
    isCurrent(context, before) &&
    !mayRepeat(context, before)
  )
    report('what is unchanged does not run again', `${name} repeated launch ${before.id}, which was done`);
  for (const need of dependenciesOf(run, part)) judgeNeed(context, name, need, atMs);
  if (isUnwanted(context, part))
    report('a limited run runs only the selected steps', `${name} ran, although it was not selected`);
  const end = ledger.find((other) => other.launch === id && other.event === 'end');
  const record = launches.get(id);
  latest.set(keyOf(part), {
    id,
    part,
    version,
    atMs: end?.atMs ?? atMs,
    isDone: end?.code === 0 && record?.code === 0 && !record.killed,
    run: number,
    needs: new Set(dependenciesOf(run, part).flatMap((need) => latest.get(keyOf(need))?.id ?? [])),
  });
}

/** A step that a part depends on has ended well before the part begins, or an operator skipped it. */
function judgeNeed(context: Context, name: string, need: Part, atMs: number): void {
  const { run, latest, report } = context;
  // A reset forgets which steps were skipped, so they run after the steps that followed them.
  if (wasSkipped(run, need.step) || wasReset(run)) return;
  const launch = latest.get(keyOf(need));
  const isFit = launch?.isDone && launch.atMs <= atMs && launch.version === versionOf(run, need);
  if (!isFit) report('a part runs after what it depends on', `${name} began before ${keyOf(need)} was done`);
}

/** Judges what a run claims at its end. */
function judgeEnd(context: Context, lines: readonly LedgerLine[]): void {
  const { run, latest, report } = context;
  const { outcome } = run.outcome;
  const { drawn } = run;
  if (drawn.isCalm && outcome !== 'provisioned' && outcome !== 'already-provisioned')
    report(
      'a run that nothing disturbs reaches its goal',
      `the run ended with ${JSON.stringify(run.outcome)}`,
    );
  // The executions before a reset may have done everything.
  const ran = lines.find(({ event, atMs }) => event === 'start' && atMs > lastResetMs(run));
  if (outcome === 'already-provisioned' && ran)
    report('what is unchanged does not run again', `${ran.step} ran, though there was nothing to do`);
  if (outcome !== 'provisioned' && outcome !== 'already-provisioned') return;
  if ('result' in run.outcome && run.sentinel?.includes(run.outcome.result.digest) === false)
    report(
      'the sentinel names the plan that is done',
      `after ${outcome} the sentinel is ${JSON.stringify(run.sentinel)}`,
    );
  for (const part of partsOf(run)) {
    if (wasSkipped(run, part.step)) continue;
    const launch = latest.get(keyOf(part));
    const why = !launch
      ? 'never ran'
      : !launch.isDone
        ? `did not end well (launch ${launch.id})`
        : launch.version !== versionOf(run, part)
          ? `is version ${launch.version}`
          : !isCurrent(context, launch) && !wasReset(run)
            ? `ran before what it depends on (launch ${launch.id})`
            : undefined;
    if (why !== undefined) report('nothing is forgotten', `${outcome}, but ${keyOf(part)} ${why}`);
  }
}

/** Whether nothing on which a launch depended was launched since, and nothing was added. Skipped steps leave nothing to compare. */
function isCurrent({ run, latest }: Context, { part, needs }: Begun): boolean {
  return dependenciesOf(run, part).every((need) => {
    const launch = latest.get(keyOf(need));
    return launch === undefined || needs.has(launch.id) || wasSkipped(run, need.step);
  });
}

/** Whether a plan or a person asked for another launch of a part that was done. */
function mayRepeat({ runs, number, run }: Context, { part, run: since }: Begun): boolean {
  const { steps } = run.drawn;
  if (steps.some(({ name, always }) => always && name === part.step)) return true;
  // A step that was skipped is not done, nor is what needs it. One that a run was to repeat is not done until it has run.
  const between = runs.slice(since, number + 1);
  return between.some(
    (each, i) =>
      (i > 0 && each.drawn.options?.force === true && isNamed(each, part)) ||
      [part, ...dependenciesOf(run, part)].some(({ step }) => wasSkipped(each, step)),
  );
}

/** A limited run that repeats unchanged parts repeats those that it names, and the finalizers. */
function isNamed({ drawn }: PlayedRun, { kind, step }: Part): boolean {
  return kind === 'finalizer' || drawn.options?.only?.includes(step) !== false;
}

/** Whether a limited run ran a step that is neither selected nor needed by a selected one. It may continue launches of an earlier run. */
function isUnwanted({ run }: Context, { kind, step }: Part): boolean {
  const { only } = run.drawn.options ?? {};
  if (only === undefined || kind === 'finalizer' || run.owner !== run.firstRunId) return false;
  const wanted = new Set(only);
  // Steps come after those that they need.
  for (const { name, needs } of run.drawn.steps.toReversed())
    if (wanted.has(name)) for (const need of needs) wanted.add(need);
  return !wanted.has(step);
}

/** The invariants of single runs that hold for a run of a series, too. */
const ALONE = [
  'the ledger was reached',
  'a run ends or is parked with a reason',
  'a run fails only for a known cause',
  'a launch runs exactly once',
  'the recorded code is the real one',
  'a launch that ran is known to its host',
  'only a fault that kills interrupts a launch',
  'attempts of a part do not overlap',
  'logs are complete',
] as const satisfies (keyof typeof invariants)[];

function judgeAlone(evidence: Evidence, ledger: readonly LedgerLine[]): Violation[] {
  const all = { ...evidence, ledger, sessions: [] };
  return [
    ...ALONE.flatMap((invariant) => invariants[invariant](evidence).map((what) => ({ invariant, what }))),
    // It may have waited for launches of an earlier run. At the end nothing is alive.
    ...(['no success without an end with code 0', 'nothing is left on the host'] as const).flatMap(
      (invariant) => invariants[invariant](all).map((what) => ({ invariant, what })),
    ),
  ];
}
