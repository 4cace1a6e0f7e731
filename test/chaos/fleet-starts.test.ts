import { describe, expect, it } from 'vitest';
import type { DrawnFleet } from '../../chaos/fleet/draw-fleet.ts';
import { judgeStarts, startInvariants, type StartInvariant } from '../../chaos/fleet/judge-starts.ts';
import type { AuditEntry } from '../../src/domain/run/audit-trail.ts';
import {
  action,
  drawnFleet,
  firstRunIdOf,
  hostOf,
  promoted,
  report,
  start,
  started,
  task,
  timed,
  workflowIdOf,
  type UntimedEvent,
} from './make-fleet.ts';

const hosts = ['n0', 'n1', 'n2'].map((name) => hostOf(name));
const withRollout = (changes: Partial<DrawnFleet['rollout']>): DrawnFleet => ({
  ...drawnFleet,
  rollout: { ...drawnFleet.rollout, ...changes },
});
const broken = (events: readonly UntimedEvent[], fleet = drawnFleet) => [
  ...new Set(judgeStarts(fleet, hosts, timed(events), []).map(({ invariant }) => invariant)),
];
const oneWave = {
  ...drawnFleet,
  steps: drawnFleet.steps.slice(1),
  rollout: { concurrency: 2, maxFailures: 0 },
};
const inOneWave = (
  events: readonly UntimedEvent[],
  changes: Partial<DrawnFleet['rollout']> = {},
  auditTrail: readonly AuditEntry[] = [],
) => {
  const fleet = { ...oneWave, rollout: { ...oneWave.rollout, ...changes } };
  return judgeStarts(
    fleet,
    hosts.map((host) => ({ ...host, wave: 1 })),
    timed(events),
    auditTrail,
  ).map(({ invariant }) => invariant);
};
const failed = [task(), start('n0', 'b'), started('n0'), report('n0', 'over', true), task()];

describe('the judge of starts', () => {
  const samples: [StartInvariant, string, readonly UntimedEvent[], DrawnFleet?][] = [
    [
      'a fleet starts only hosts that wait for it',
      'a host is started twice',
      [...promoted, start('n1', 'b'), started('n1'), task(), start('n1', 'b')],
    ],
    [
      'a fleet starts only hosts that wait for it',
      'a done host is started',
      [...promoted, start('n0', 'm', 'b')],
    ],
    [
      'nothing starts while a fleet is paused or ends',
      'the fleet is paused',
      [...promoted, action('pause'), start('n1', 'b')],
    ],
    [
      'nothing starts while a fleet is paused or ends',
      'the fleet was aborted',
      [...promoted, action('abort'), start('n1', 'b')],
    ],
    [
      'nothing starts while a fleet is paused or ends',
      'the fleet was cancelled in the task before',
      [...promoted, { kind: 'cancel' }, task(), task(), start('n1', 'b')],
    ],
    [
      'a wave begins after the one before it is over',
      'the first wave is still at work',
      [task(), start('n0', 'm', 'b'), report('n0', 'once'), task(), start('n1', 'b')],
      withRollout({ pause: 0 }),
    ],
    [
      'a wave begins after what it waits for',
      'no operator has promoted it',
      [...promoted.slice(0, -1), start('n1', 'b')],
    ],
    [
      'a wave begins after what it waits for',
      'the pause is not over',
      [...promoted.slice(0, -1), start('n1', 'b')],
      withRollout({ pause: 1000 }),
    ],
    [
      'a wave begins after what it waits for',
      'the check has not succeeded',
      [...promoted.slice(0, -1), { kind: 'check', isWell: false } as UntimedEvent, task(), start('n1', 'b')],
      withRollout({ pause: { check: 'exit 0' } }),
    ],
    [
      'the other hosts wait for steps that run once',
      'they are not done',
      [task(), start('n0', 'm', 'b'), started('n0'), task(), start('n1', 'b')],
    ],
    [
      'the other hosts wait for steps that run once',
      'a second host gets them',
      [...promoted, start('n1', 'm', 'b')],
    ],
  ];
  it.each(samples)('finds a violation of "%s": %s', (invariant, _, events, fleet) => {
    expect(broken(events, fleet)).toContain(invariant);
  });

  it('finds a start after the error budget was exceeded, and none that the budget allows', () => {
    const invariant = 'nothing starts after the error budget is exceeded';
    const next = [...failed, start('n1', 'b')];
    expect(inOneWave(next)).toEqual([invariant]);
    expect(inOneWave(next, { maxFailures: 1 })).toEqual([]);
    expect(inOneWave(next, { maxFailures: '34%' })).toEqual([]);
    expect(inOneWave(next, { maxFailures: 3, maxWaveFailures: 0 })).toEqual([invariant]);
    expect(inOneWave([...failed, action('setMaxFailures', { maxFailures: 1 }), start('n1', 'b')])).toEqual(
      [],
    );
    expect(inOneWave([...failed, action('skipHosts', { hosts: ['n0'] }), start('n1', 'b')])).toEqual([]);
    expect(inOneWave([...failed, action('retry', { which: 'failed' }), start('n0', 'b')])).toEqual([]);
  });

  it('counts a host that needs attention as failed once its time is up', () => {
    const parked = [task(0), start('n0', 'b'), started('n0'), report('n0', 'parked'), task(10)];
    const invariant = 'nothing starts after the error budget is exceeded';
    expect(inOneWave([...parked, start('n1', 'b')])).toEqual([invariant]);
    expect(inOneWave([...parked, start('n1', 'b')], { parkGrace: 100 })).toEqual([]);
    expect(inOneWave([...parked, task(110), start('n1', 'b')], { parkGrace: 100 })).toEqual([invariant]);
    const freed = [...parked, report('n0', 'unparked'), task(20)];
    expect(inOneWave([...freed, start('n1', 'b')])).toEqual([]);
  });

  it('finds more running hosts than the limit allows', () => {
    const invariant = 'the concurrency is never exceeded';
    const both = [task(), start('n0', 'b'), start('n1', 'b')];
    expect(inOneWave([...both, start('n2', 'b')])).toEqual([invariant]);
    expect(inOneWave([...both, action('setConcurrency', { concurrency: 3 }), start('n2', 'b')])).toEqual([]);
    expect(inOneWave(both, { concurrency: 1 })).toEqual([invariant]);
  });

  it('knows runs that another execution started before a reset, and a start that was refused', () => {
    const adopted = [task(), report('n0', 'parked'), task(), start('n1', 'b')];
    expect(inOneWave(adopted)).toEqual(['nothing starts after the error budget is exceeded']);
    const refused = { kind: 'refused', workflowId: workflowIdOf('n0') } as UntimedEvent;
    const found = (parentId: string) =>
      ({
        kind: 'survey',
        found: [
          { workflowId: workflowIdOf('n0'), state: 'open', firstRunId: 'other', parentId, digest: 'b' },
        ],
      }) as UntimedEvent;
    const again = [task(), start('n0', 'b'), refused, task(), start('n0', 'b'), refused, task()];
    expect(inOneWave([...again, found('fleet:fleet'), task(), start('n1', 'b')])).toEqual([]);
    expect(inOneWave([...again, found('fleet:other'), task(), task(), start('n1', 'b')])).toEqual([
      'nothing starts after the error budget is exceeded',
    ]);
  });

  it('knows the end of a run that was taken over', () => {
    const survey = (state: 'open' | 'over') =>
      ({
        kind: 'survey',
        found: [
          {
            workflowId: workflowIdOf('n0'),
            state,
            firstRunId: 'other',
            parentId: 'fleet:fleet',
            digest: 'b',
          },
        ],
      }) as UntimedEvent;
    const refused = { kind: 'refused', workflowId: workflowIdOf('n0') } as UntimedEvent;
    const taken = [task(), start('n0', 'b'), refused, task(), survey('open'), task(), start('n1', 'b')];
    const invariant = 'the concurrency is never exceeded';
    expect(inOneWave([...taken, start('n2', 'b')])).toEqual([invariant]);
    expect(inOneWave([...taken, survey('over'), task(), start('n2', 'b')])).toEqual([]);
  });

  it('does not take a run that is still closing for the next one', () => {
    const closing = {
      workflowId: workflowIdOf('n0'),
      firstRunId: firstRunIdOf('n0'),
      state: 'open',
      parentId: 'fleet:fleet',
      digest: 'b',
    };
    const events = [
      ...failed,
      action('retry', { which: 'failed' }),
      start('n0', 'b'),
      { kind: 'refused', workflowId: workflowIdOf('n0') } as UntimedEvent,
      task(),
      { kind: 'survey', found: [closing] } as UntimedEvent,
      {
        kind: 'closed',
        workflowId: workflowIdOf('n0'),
        firstRunId: firstRunIdOf('n0'),
        isDone: false,
      } as UntimedEvent,
      report('n0', 'over', true),
      task(),
    ];
    expect(inOneWave([...events, start('n0', 'b')])).toEqual([]);
    expect(inOneWave([...events, start('n1', 'b'), start('n2', 'b')])).toEqual([
      'the concurrency is never exceeded',
    ]);
  });

  it('allows a start in the task in which the fleet learns of a failure only after its next moves', () => {
    const closed = {
      kind: 'closed',
      workflowId: workflowIdOf('n0'),
      firstRunId: firstRunIdOf('n0'),
      isDone: false,
    } as UntimedEvent;
    const begun = [task(), start('n0', 'b'), started('n0'), closed, task(), start('n1', 'b')];
    expect(inOneWave(begun)).toEqual([]);
    expect(inOneWave([...begun, task(), start('n2', 'b')])).toEqual([
      'nothing starts after the error budget is exceeded',
    ]);
  });

  it('applies an action that came as a signal, unless the fleet refused it', () => {
    const invariant = 'nothing starts while a fleet is paused or ends';
    const events = [
      task(),
      { ...action('pause'), isSignal: true } as UntimedEvent,
      task(9),
      start('n0', 'b'),
    ];
    expect(inOneWave(events)).toEqual([invariant]);
    expect(inOneWave(events, {}, [{ action: 'pause', atMs: 9, refused: 'not now' }])).toEqual([]);
    expect(inOneWave(events, {}, [{ action: 'pause', atMs: 9 }])).toEqual([invariant]);
  });

  it('shows each of its rules broken', () => {
    const shown = new Set<string>([
      ...samples.map(([invariant]) => invariant),
      'nothing starts after the error budget is exceeded',
      'the concurrency is never exceeded',
    ]);
    expect(shown).toEqual(new Set(Object.keys(startInvariants)));
  });
});
