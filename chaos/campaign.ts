import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { findWindows } from './aim.ts';
import type { Evidence } from './evidence.ts';
import { judgeHost } from './invariants.ts';
import { drawRun } from './plans.ts';
import { findUnreplayable } from './replay.ts';
import { createDraw } from './draw.ts';
import { drawSeries } from './series/draw-series.ts';
import { playSeries } from './series/play-series.ts';
import { renderViolations, type Tally } from './report.ts';
import { playRun, type JudgedRun, type Setting } from './run.ts';
import { drawFaults } from './schedule.ts';
import { openStage, type Stage } from './stage.ts';
import { createLocks, type Struck } from './striker.ts';

export interface CampaignOptions {
  readonly seed: number;
  /** Number of runs; rivals are extra. */
  readonly runs: number;
  /** No run starts after this time. */
  readonly minutes: number;
  readonly hosts: number;
  readonly workers: number;
  /** How many of a hundred runs are series: runs of one plan that is edited in between. */
  readonly series: number;
  readonly dir: string;
  readonly signal: AbortSignal;
  readonly announce: (line: string) => void;
  /** Called after each run. */
  readonly onProgress: (tally: Tally) => void;
}

/** Plays a campaign and leaves only the files in its folder. */
export async function playCampaign(options: CampaignOptions): Promise<Tally> {
  const { announce, dir, hosts } = options;
  announce(`seed ${options.seed}; everything about this campaign is in ${dir}`);
  const stage = await openStage({ dir, hosts, workers: options.workers });
  try {
    return await playOn(stage, options);
  } finally {
    await stage.stop();
  }
}

/** About as long as a run of a series takes: most of its steps are unchanged. */
const SHORT_MS = 2500;

async function playOn(stage: Stage, options: CampaignOptions): Promise<Tally> {
  const { seed, runs, hosts, dir, signal, announce } = options;
  const windows = await findWindows(stage, stage.hosts[0]!);
  announce(`${windows.length} windows of the launch protocol to aim at`);
  const struck: Struck[] = [];
  const setting: Setting = { stage, seed, windows, locks: createLocks(), struck, woken: [], signal };
  const judged: JudgedRun[] = [];
  const end = Date.now() + options.minutes * 60_000;

  const take = (run: JudgedRun): void => {
    judged.push(run);
    if (run.violations.length === 0) return;
    const text = renderViolations(run, seed, stage.ledger.calls);
    appendFileSync(join(dir, 'violations.txt'), text);
    announce(text);
  };
  // One lane per host, so that the faults of a host don't depend on the speed of the others.
  const lane = async (host: number): Promise<void> => {
    for (let index = host; index < runs && Date.now() < end && !signal.aborted; index += hosts) {
      const played = createDraw(seed, `kind ${index}`).chance(options.series)
        ? playSeries(setting, drawSeries(seed, index, hosts), ({ name }) => drawFaults(seed, name, SHORT_MS))
        : playRun(setting, drawRun(seed, index, hosts), drawFaults(seed, index));
      for (const run of await played) take(run);
      options.onProgress(tally());
    }
  };
  const ofSeries = () => judged.filter(({ evidence }) => evidence.drawn.plan !== undefined);
  const tally = (): Tally => ({
    workflows: judged.length,
    faults: judged.flatMap(({ faults }) => faults),
    violations: judged.reduce((sum, { violations }) => sum + violations.length, 0),
    series: { workflows: ofSeries().length, faults: ofSeries().flatMap(({ faults }) => faults).length },
    outcomes: count(judged.map(({ evidence }) => describeOutcome(evidence.outcome))),
    woken: count(setting.woken),
  });

  const lanes = await Promise.allSettled(
    stage.hosts.map((_, host) =>
      lane(host).catch((error: unknown) => {
        announce(`host ${host} plays no further runs: ${inspect(error)}`);
        throw error;
      }),
    ),
  );
  // An interrupted campaign proves nothing, but reports its findings so far.
  const broken = signal.aborted
    ? []
    : lanes.flatMap((lane) => (lane.status === 'rejected' ? [lane.reason] : []));
  const late = [
    ...broken.map((error: unknown) => ({ invariant: 'the campaign itself continues', what: inspect(error) })),
    ...(await judgeStage(stage, judged)),
  ];
  for (const { invariant, what } of late) {
    const text = `VIOLATION ${invariant}: ${what} (seed ${seed})`;
    appendFileSync(join(dir, 'violations.txt'), `${text}\n`);
    announce(text);
  }
  const whole = tally();
  return { ...whole, violations: whole.violations + late.length };
}

/** Judges what concerns no single run: replays, hosts and workers. */
async function judgeStage(
  stage: Stage,
  judged: readonly JudgedRun[],
): Promise<{ invariant: string; what: string }[]> {
  const linesOn = (host: string) => {
    const there = judged.filter(({ evidence }) => evidence.hostName === host);
    const names = new Set(there.map(({ evidence }) => evidence.drawn.name));
    return stage.ledger.lines.filter(({ run }) => names.has(run));
  };
  return [
    ...(await findUnreplayable(stage)).map(({ run, why }) => ({
      invariant: 'a run can be continued',
      what: `${run}: ${why}`,
    })),
    ...stage.hosts.flatMap(({ sandbox }) => judgeHost(sandbox.name, linesOn(sandbox.name))),
    ...stage.workers.flatMap(({ deaths }) =>
      deaths.map((what) => ({ invariant: 'a worker ends on request, and only then', what })),
    ),
  ];
}

function describeOutcome(outcome: Evidence['outcome']): string {
  return outcome.outcome === 'failed' ? `failed (${outcome.failure.code})` : outcome.outcome;
}

function count(words: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const word of words) counts[word] = (counts[word] ?? 0) + 1;
  return counts;
}
