import { inspect } from 'node:util';
import { findWindows } from './aim.ts';
import { drawFleet } from './fleet/draw-fleet.ts';
import { playFleet } from './fleet/play-fleet.ts';
import { judgeHost } from './invariants.ts';
import { drawRun } from './plans.ts';
import { findUnreplayable } from './replay.ts';
import { createDraw } from './draw.ts';
import { drawSeries } from './series/draw-series.ts';
import { playSeries } from './series/play-series.ts';
import type { Tally } from './report.ts';
import { playRun, type JudgedRun, type Setting } from './run.ts';
import { drawFaults } from './schedule.ts';
import { createScore, type Score } from './score.ts';
import { openStage, type Stage } from './stage.ts';
import { createLocks } from './striker.ts';

export interface CampaignOptions {
  readonly seed: number;
  /** Number of runs; rivals are extra. Fleets are played as long as there are runs; without runs, until the time is over. */
  readonly runs: number;
  /** No run starts after this time. */
  readonly minutes: number;
  readonly hosts: number;
  /** The hosts of fleets, beside those of single runs. */
  readonly fleets: number;
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
  const { announce, dir, hosts, fleets } = options;
  announce(`seed ${options.seed}; everything about this campaign is in ${dir}`);
  const stage = await openStage({ dir, hosts: hosts + fleets, workers: options.workers });
  try {
    return await playOn(stage, options);
  } finally {
    await stage.stop();
  }
}

/** About as long as a run of a series takes: most of its steps are unchanged. */
const SHORT_MS = 2500;

async function playOn(stage: Stage, options: CampaignOptions): Promise<Tally> {
  const { seed, hosts, signal, announce } = options;
  const windows = await findWindows(stage, stage.hosts[0]!);
  announce(`${windows.length} windows of the launch protocol to aim at`);
  const setting: Setting = { stage, seed, windows, locks: createLocks(), struck: [], woken: [], signal };
  const score = createScore(setting, options);
  const isOver = () => Date.now() >= endMs || signal.aborted;
  const endMs = Date.now() + options.minutes * 60_000;
  // One lane per host, so that the faults of a host don't depend on the speed of the others.
  const single = stage.hosts
    .slice(0, hosts)
    .map((_, host) => playHost(setting, options, score, host, isOver));
  let isPlayed = false;
  if (options.runs > 0) void Promise.allSettled(single).then(() => (isPlayed = true));
  const fleets = groupHosts(options).map((group, lane, { length }) =>
    playFleets(setting, options, score, { group, lane, lanes: length }, () => isOver() || isPlayed),
  );
  const lanes = await Promise.allSettled(
    [...single, ...fleets].map((lane) =>
      lane.catch((error: unknown) => {
        announce(`a lane plays no further: ${inspect(error)}`);
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
    ...(await judgeStage(stage, score.judged)),
  ];
  for (const { invariant, what } of late) score.report(`VIOLATION ${invariant}: ${what} (seed ${seed})\n`);
  const whole = score.tally();
  return { ...whole, violations: whole.violations + late.length };
}

/** Plays the runs of one host, one after another. */
async function playHost(
  setting: Setting,
  { seed, runs, hosts, series, onProgress }: CampaignOptions,
  score: Score,
  host: number,
  isOver: () => boolean,
): Promise<void> {
  for (let index = host; index < runs && !isOver(); index += hosts) {
    const played = createDraw(seed, `kind ${index}`).chance(series)
      ? playSeries(setting, drawSeries(seed, index, hosts), ({ name }) => drawFaults(seed, name, SHORT_MS))
      : playRun(setting, drawRun(seed, index, hosts), drawFaults(seed, index));
    for (const run of await played) score.takeRun(run);
    onProgress(score.tally());
  }
}

const MAX_FLEET_HOSTS = 4;

/** The numbers of the hosts of each fleet that is played at the same time. */
function groupHosts({ hosts, fleets }: CampaignOptions): number[][] {
  const groups: number[][] = [];
  for (let first = hosts; first < hosts + fleets; first += MAX_FLEET_HOSTS) {
    const length = Math.min(MAX_FLEET_HOSTS, hosts + fleets - first);
    groups.push(Array.from({ length }, (_, i) => first + i));
  }
  return groups;
}

/** Plays fleets on a group of hosts, one after another. */
async function playFleets(
  setting: Setting,
  { seed, onProgress }: CampaignOptions,
  score: Score,
  {
    group,
    lane,
    lanes,
  }: { readonly group: readonly number[]; readonly lane: number; readonly lanes: number },
  isOver: () => boolean,
): Promise<void> {
  for (let index = lane; !isOver(); index += lanes) {
    score.takeFleet(await playFleet(setting, drawFleet(seed, index, group)));
    onProgress(score.tally());
  }
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
