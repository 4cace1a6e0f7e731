import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Evidence } from './evidence.ts';
import type { JudgedFleet } from './fleet/play-fleet.ts';
import { renderFleetViolations } from './fleet/report-fleet.ts';
import { renderViolations, type Tally } from './report.ts';
import type { JudgedRun, Setting } from './run.ts';

/** Keeps what a campaign has judged so far, and reports violations at once. */
export interface Score {
  readonly judged: readonly JudgedRun[];
  readonly takeRun: (run: JudgedRun) => void;
  readonly takeFleet: (fleet: JudgedFleet) => void;
  readonly tally: () => Tally;
  /** Reports text about violations, and keeps it in the folder of the campaign. */
  readonly report: (text: string) => void;
}

export function createScore(
  { stage, seed, woken }: Pick<Setting, 'stage' | 'seed' | 'woken'>,
  { dir, announce }: { readonly dir: string; readonly announce: (line: string) => void },
): Score {
  const judged: JudgedRun[] = [];
  const fleets: JudgedFleet[] = [];
  const report = (text: string): void => {
    appendFileSync(join(dir, 'violations.txt'), text);
    announce(text);
  };
  const takeRun = (run: JudgedRun): void => {
    judged.push(run);
    if (run.violations.length > 0) report(renderViolations(run, seed, stage.ledger.calls));
  };
  return {
    judged,
    takeRun,
    takeFleet(fleet) {
      fleets.push(fleet);
      for (const run of fleet.runs) takeRun(run);
      for (const { evidence, violations } of fleet.rollouts)
        if (violations.length > 0) report(renderFleetViolations(evidence, violations, seed));
    },
    report,
    tally() {
      const ofFleets = new Set(fleets.flatMap(({ runs }) => runs));
      const ofSeries = judged.filter((run) => run.evidence.drawn.plan !== undefined && !ofFleets.has(run));
      const rollouts = fleets.flatMap((fleet) => fleet.rollouts);
      const own = fleets.flatMap(({ faults }) => faults);
      return {
        workflows: judged.length + rollouts.length,
        faults: [...judged.flatMap(({ faults }) => faults), ...own],
        violations: [...judged, ...rollouts].reduce((sum, { violations }) => sum + violations.length, 0),
        series: { workflows: ofSeries.length, faults: ofSeries.flatMap(({ faults }) => faults).length },
        fleets: {
          rollouts: rollouts.length,
          workflows: ofFleets.size + rollouts.length,
          faults: [...ofFleets].flatMap(({ faults }) => faults).length + own.length,
        },
        outcomes: count(judged.map(({ evidence }) => describeOutcome(evidence.outcome))),
        woken: count(woken),
      };
    },
  };
}

function describeOutcome(outcome: Evidence['outcome']): string {
  return outcome.outcome === 'failed' ? `failed (${outcome.failure.code})` : outcome.outcome;
}

function count(words: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const word of words) counts[word] = (counts[word] ?? 0) + 1;
  return counts;
}
