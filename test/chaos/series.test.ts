import { describe, expect, it } from 'vitest';
import { WORKFLOW_RESET } from '../../chaos/controls.ts';
import type { SeriesRun } from '../../chaos/series/draw-series.ts';
import { judgeSeries } from '../../chaos/series/judge-series.ts';
import { evidenceOf, type PlayedRun, type SeriesEvidence } from '../../chaos/series/series-evidence.ts';
import { expectedLog } from '../../chaos/script.ts';
import { makeLaunch } from '../../src/domain/run/ids.ts';
import type { AuditEntry } from '../../src/domain/run/audit-trail.ts';
import { killing, statusOf } from './make-evidence.ts';

const work = { lines: 1, pauseMs: 0, failsUntil: 0, failCode: 1, padding: 0, version: 1 };
const step = (name: string, needs: string[] = [], version = 1) => ({
  name,
  needs,
  work: { ...work, version },
  attempts: 1,
  backoffMs: 1,
});

/** Three runs of a plan: `a` with a finalizer, `b` that needs it, and `c`. The second run has a new version of `b`. */
function played(number: number, changes: Partial<SeriesRun> = {}): PlayedRun {
  const steps = [{ ...step('a'), finalizer: work }, step('b', ['a'], number === 0 ? 1 : 2), step('c')];
  const drawn: SeriesRun = {
    name: `series-1.${number}`,
    plan: 'series-1',
    host: 0,
    steps,
    onStepFailure: 'park',
    keepSessions: 'failed',
    isCalm: true,
    ...changes,
  };
  const outcome = number === 2 ? 'already-provisioned' : 'provisioned';
  const digest = `digest ${Math.min(1, number)}`;
  return {
    drawn,
    firstRunId: `run ${number}`,
    owner: `run ${number}`,
    outcome: { outcome, result: { outcome, host: '', digest, steps: [], auditTrail: [] } },
    status: statusOf([]),
    claims: [],
    events: [],
    faults: [],
    begunMs: number * 1000,
    endedMs: number * 1000 + 900,
    sentinel: digest,
  };
}

/** A launch of `run`: `a`, `b:2` for the second version, `a!` for a finalizer; from `atMs` for 10 ms, in the ledger and on the host. */
interface Ran {
  readonly run: number;
  readonly part: string;
  readonly atMs: number;
  readonly ends?: 'well' | 'badly' | 'killed by Chandler' | 'unrecorded';
  readonly attempt?: number;
}

const ranFirst: Ran[] = [
  { run: 0, part: 'a', atMs: 10 },
  { run: 0, part: 'c', atMs: 10 },
  { run: 0, part: 'b', atMs: 30 },
  { run: 0, part: 'a!', atMs: 50 },
];
const ran: Ran[] = [...ranFirst, { run: 1, part: 'b:2', atMs: 1010 }, { run: 1, part: 'a!', atMs: 1030 }];

function series(
  launches: readonly Ran[],
  runs: PlayedRun[] = [0, 1, 2].map((n) => played(n)),
): SeriesEvidence {
  const read = launches.map(({ run, part, atMs, ends = 'well', attempt = 1 }) => {
    const [name = '', version = '1'] = part.split(':');
    const kind = name.endsWith('!') ? ('finalizer' as const) : ('step' as const);
    const word = name.replace('!', '');
    const launch = makeLaunch(`run ${run}`, word, kind, attempt).id;
    const line = { launch, run: `series-1:${version}`, kind, step: word, attempt };
    const code = ends === 'badly' ? 1 : 0;
    return {
      lines: [
        { ...line, atMs, event: 'start' as const },
        { ...line, atMs: atMs + 10, event: 'end' as const, code },
      ],
      launch: {
        launch,
        started: true,
        ...(ends !== 'unrecorded' && { code }),
        ...(ends === 'killed by Chandler' && { killed: true as const }),
        log: expectedLog(word, kind, attempt, work),
      },
    };
  });
  return {
    hostName: 'host',
    runs,
    ledger: read.flatMap(({ lines }) => lines).sort((a, b) => a.atMs - b.atMs),
    launches: read.map(({ launch }) => launch),
    alive: [],
    sessions: [],
  };
}

const found = (evidence: SeriesEvidence) =>
  judgeSeries(evidence).flatMap(({ violations }) => violations.map(({ invariant }) => invariant));
const without = (run: number, part: string) => ran.filter((it) => it.run !== run || it.part !== part);
const changed = (changes: Partial<SeriesRun>) => [played(0), played(1, changes), played(2)];
const skipped = (name: string): PlayedRun => {
  const action: AuditEntry = { action: 'skipStep', step: name, atMs: 40 };
  return { ...played(0), status: statusOf([], [action]) };
};

/** Runs of which the second was reset at `atMs`, and then found nothing to do. */
const wasReset = (atMs: number): PlayedRun[] => {
  const run = played(1, { isCalm: false });
  const result = {
    outcome: 'already-provisioned',
    host: '',
    digest: 'digest 1',
    steps: [],
    auditTrail: [],
  } as const;
  const reset = { ...killing, kind: WORKFLOW_RESET, kills: false, run: run.drawn.name, atMs, healedMs: atMs };
  return [
    played(0),
    { ...run, outcome: { outcome: 'already-provisioned', result }, faults: [reset] },
    played(2),
  ];
};

describe('the judge of a series', () => {
  it('counts the faults of a run also for the run that continues its launches, and not for others', () => {
    const runs = [{ ...played(0), faults: [killing] }, { ...played(1), owner: 'run 0' }, played(2)];
    const faultsOf = (number: number) => evidenceOf(series(ran, runs), number, []).faults;
    expect([faultsOf(0), faultsOf(1), faultsOf(2)]).toEqual([[killing], [killing], []]);
  });

  it('accepts runs of the changed steps and of what depends on them', () => {
    expect(found(series(ran))).toEqual([]);
  });

  it('accepts a run that is reset after it has done everything, and then finds nothing to do', () => {
    expect(found(series(ran, wasReset(1100)))).toEqual([]);
    // By the history: the response to the reset was lost for longer.
    const runs = wasReset(1010).map((run, i) => (i === 1 ? { ...run, resetMs: 1100 } : run));
    expect(found(series(ran, runs))).toEqual([]);
  });

  it.each<[invariant: string, what: string, evidence: SeriesEvidence]>([
    [
      'what is unchanged does not run again',
      'a done step ran again',
      series([...ran, { run: 1, part: 'c', atMs: 1005 }]),
    ],
    [
      'what is unchanged does not run again',
      'a finalizer ran though nothing had',
      series([...ran, { run: 2, part: 'a!', atMs: 2010 }]),
    ],
    [
      'what is unchanged does not run again',
      'a step ran after a reset, though there was nothing to do',
      series(ran, wasReset(1020)),
    ],
    ['nothing is forgotten', 'a changed step did not run', series(without(1, 'b:2'))],
    ['nothing is forgotten', 'a finalizer did not run after a step', series(without(1, 'a!'))],
    ['nothing is forgotten', 'a step of a new plan did not run', series(without(0, 'c'))],
    [
      'nothing is forgotten',
      'a step ran, and a step that needs it did not',
      series([...ran, { run: 1, part: 'a', atMs: 1025, attempt: 2 }]),
    ],
    [
      'nothing is forgotten',
      'the host has no record of the end of a step',
      series([...without(0, 'c'), { run: 0, part: 'c', atMs: 10, ends: 'unrecorded' }]),
    ],
    [
      'nothing is forgotten',
      'Chandler killed a step',
      series([...without(0, 'c'), { run: 0, part: 'c', atMs: 10, ends: 'killed by Chandler' }]),
    ],
    [
      'nothing is forgotten',
      'a step has a new need',
      series(ran, [
        played(0),
        played(1),
        played(2, { steps: [{ ...step('a'), finalizer: work }, step('b', ['a', 'c'], 2), step('c')] }),
      ]),
    ],
    [
      'a run does what its plan contains now',
      'an old version ran',
      series([...without(1, 'b:2'), { run: 1, part: 'b', atMs: 1010 }]),
    ],
    [
      'a run does what its plan contains now',
      'a launch of no run ran',
      series([...ran, { run: 7, part: 'c', atMs: 1005 }]),
    ],
    [
      'a part runs after what it depends on',
      'a step overtook another',
      series([...without(0, 'a'), { run: 0, part: 'a', atMs: 25 }]),
    ],
    [
      'a part runs after what it depends on',
      'a finalizer overtook a step',
      series([...without(1, 'a!'), { run: 1, part: 'a!', atMs: 1012 }]),
    ],
    [
      'a limited run runs only the selected steps',
      'another step ran',
      series(ran, changed({ options: { only: ['c'] } })),
    ],
    [
      'a run that nothing disturbs reaches its goal',
      'it failed',
      series(ran, [
        played(0),
        played(1),
        {
          ...played(2),
          outcome: { outcome: 'failed', failure: { code: 'step-failed', message: 'm', advice: '' } },
        },
      ]),
    ],
    [
      'the sentinel names the plan that is done',
      'it names an earlier one',
      series(ran, [played(0), { ...played(1), sentinel: 'digest 0' }, played(2)]),
    ],
  ])('finds that %s: %s', (invariant, _, evidence) => {
    expect(found(evidence)).toContain(invariant);
  });

  it.each<[what: string, evidence: SeriesEvidence]>([
    [
      'a step always runs',
      series(
        [...ran, { run: 1, part: 'c', atMs: 1005 }],
        changed({
          steps: played(1).drawn.steps.map((it) => ({
            ...it,
            ...(it.name === 'c' && { always: true as const }),
          })),
        }),
      ),
    ],
    [
      'a run repeats it',
      series(
        [...ran, { run: 1, part: 'c', atMs: 1005 }],
        changed({ options: { force: true, only: ['b', 'c'] } }),
      ),
    ],
    [
      'it was skipped',
      series([...ran, { run: 1, part: 'c', atMs: 1005 }], [skipped('c'), played(1), played(2)]),
    ],
    [
      'its end was not recorded',
      series(
        [
          ...without(0, 'c').filter(({ run, part }) => run !== 0 || part !== 'a!'),
          { run: 0, part: 'c', atMs: 10, ends: 'unrecorded' },
          { run: 1, part: 'c', atMs: 1005 },
        ],
        [
          {
            ...played(0),
            outcome: { outcome: 'failed', failure: { code: 'step-interrupted', message: 'm', advice: '' } },
            faults: [killing],
            drawn: { ...played(0).drawn, isCalm: false },
          },
          played(1),
          played(2),
        ],
      ),
    ],
  ])('lets a step run again if %s', (_, evidence) => {
    expect(found(evidence)).toEqual([]);
  });
});
