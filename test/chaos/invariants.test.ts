import { describe, expect, it, test } from 'vitest';
import type { Evidence } from '../../chaos/evidence.ts';
import { invariants, judge, judgeHost } from '../../chaos/invariants.ts';
import { WORKFLOW_RESET } from '../../chaos/controls.ts';
import { expectedLog, NO_LEDGER } from '../../chaos/script.ts';
import type { FailureCode } from '../../src/domain/run/failure.ts';
import { goodRun, idOf, killing, lines, statusOf, succeeded } from './make-evidence.ts';

const good = goodRun();
const failed = (code: FailureCode, message = 'b: exit 3'): Evidence['outcome'] => ({
  outcome: 'failed',
  failure: { code, message, advice: '' },
});
const aborted: Evidence['outcome'] = {
  outcome: 'aborted',
  failure: { code: 'aborted', message: 'aborted (enough)', advice: '' },
};
const [first, second, third] = good.launches;

/** Invented evidence that breaks each invariant. */
const broken: [keyof typeof invariants, string, Partial<Evidence>][] = [
  [
    'the ledger was reached',
    'a step could not reach it',
    { launches: [{ ...first!, code: NO_LEDGER }, second!, third!] },
  ],
  ['a run ends or is parked with a reason', 'it hangs', { outcome: { outcome: 'stuck', why: 'waitStep' } }],
  [
    'a run ends or is parked with a reason',
    'it failed for an unknown reason',
    { outcome: failed('internal-error') },
  ],
  ['a run fails only for a known cause', 'it was aborted although nothing aborts it', { outcome: aborted }],
  [
    'a run fails only for a known cause',
    'a network fault is no cause',
    { outcome: failed('host-unreachable') },
  ],
  ['a run fails only for a known cause', 'no step has failed', { outcome: failed('step-failed') }],
  [
    'a launch runs exactly once',
    'it starts twice',
    { ledger: [...good.ledger, ...lines('a', 11, undefined)] },
  ],
  ['a launch runs exactly once', 'it ends twice', { ledger: [...good.ledger, lines('a', 11, 12)[1]!] }],
  ['a launch runs exactly once', 'it ends without a start', { ledger: good.ledger.slice(1) }],
  [
    'a launch runs exactly once',
    'the same attempt has two launches',
    { ledger: [...good.ledger, ...lines('a', 10, 20, { launch: 'another' })] },
  ],
  [
    'only requested launches run',
    'there is one attempt too many',
    { ledger: [...good.ledger, ...lines('b', 70, 80, { attempt: 2 })] },
  ],
  [
    'nothing runs again without a policy or an action',
    'there is a second attempt without a retry policy',
    { status: statusOf([succeeded('a', true), { ...succeeded('b', false), attempt: 2 }]) },
  ],
  [
    'no success without an end with code 0',
    'the end is missing',
    { ledger: good.ledger.filter((line) => line !== good.ledger[3]) },
  ],
  [
    'no success without an end with code 0',
    'it ended with another code',
    { ledger: good.ledger.map((line) => (line === good.ledger[1] ? { ...line, code: 3 } : line)) },
  ],
  [
    'no success without an end with code 0',
    'only the history reports success',
    { claims: [{ launch: 'unknown', atMs: 1, claims: 'succeeded' }] },
  ],
  [
    'the recorded code is the real one',
    'the host recorded another code',
    { launches: [{ ...first!, code: 3 }, second!, third!] },
  ],
  [
    'the recorded code is the real one',
    'it is the code of a killed terminal',
    { launches: [{ ...first!, code: 129 }, second!, third!] },
  ],
  [
    'an attempt that ended with code 0 is never repeated',
    'a second attempt runs',
    { ledger: [...good.ledger, ...lines('a', 70, 80, { attempt: 2 })] },
  ],
  ['a launch that ran is known to its host', 'it has no record', { launches: [first!, second!] }],
  [
    'a launch that ran is known to its host',
    'its record has no start',
    { launches: [first!, { ...second!, started: false }, third!] },
  ],
  [
    'only a fault that kills interrupts a launch',
    'the history reports an interruption',
    { claims: [{ launch: idOf('a'), atMs: 15, claims: 'interrupted' }] },
  ],
  [
    'only a fault that kills interrupts a launch',
    'a launch has no recorded end on its host',
    { launches: [{ launch: idOf('a'), started: true, log: '' }, second!, third!] },
  ],
  [
    'attempts of a part do not overlap',
    'the first ends in the middle of the second',
    { ledger: [...good.ledger, ...lines('b', 35, 45, { attempt: 2 })] },
  ],
  [
    'a step waits for what it needs',
    'it begins too early',
    { ledger: [...lines('a', 10, 31), ...good.ledger.slice(2)] },
  ],
  [
    'no finalizer before all steps',
    'a step still runs',
    { ledger: [...good.ledger.slice(0, 2), ...lines('b', 30, 55), ...good.ledger.slice(4)] },
  ],
  [
    'no sentinel before everything is done',
    'the run is provisioned without one',
    { sentinel: undefined as never },
  ],
  [
    'no sentinel before everything is done',
    'the run is provisioned, and another one wrote the sentinel',
    { sentinel: 'other' },
  ],
  [
    'no sentinel before everything is done',
    'the run had nothing to do, but there is none',
    {
      sentinel: undefined as never,
      outcome: { ...good.outcome, outcome: 'already-provisioned' } as Evidence['outcome'],
    },
  ],
  [
    'no sentinel before everything is done',
    'a terminated run wrote it early',
    { outcome: aborted, ledger: good.ledger.slice(0, 4) },
  ],
  [
    'no sentinel before everything is done',
    'a step has failed',
    {
      outcome: failed('step-failed'),
      status: statusOf([succeeded('a', true), { ...succeeded('b', false), state: 'failed' }]),
    },
  ],
  ['no sentinel before everything is done', 'a finalizer never ran', { ledger: good.ledger.slice(0, 4) }],
  ['nothing is left on the host', 'a process stays', { alive: [idOf('b')] }],
  [
    'nothing is left on the host',
    'a session stays after an abort',
    { outcome: aborted, sessions: [{ name: 'b', launch: idOf('b') }] },
  ],
  [
    'logs are complete',
    'a line is missing',
    { launches: [{ ...first!, log: first!.log.slice(3) }, second!, third!] },
  ],
  [
    'logs are complete',
    'the last byte is missing',
    { launches: [{ ...first!, log: first!.log.slice(0, -1) }, second!, third!] },
  ],
  [
    'logs are complete',
    'a line comes twice',
    { launches: [{ ...first!, log: first!.log + first!.log }, second!, third!] },
  ],
  [
    'logs are complete',
    'the client receives less',
    { read: [{ launch: idOf('a'), text: 'step a', complete: true }] },
  ],
  [
    'logs are complete',
    'the disk was full, and no notice says that something is missing',
    { launches: [{ ...first!, log: '' }, second!, third!], faults: [{ ...killing, losesLogs: true }] },
  ],
  [
    'logs are complete',
    'the client never reports the end of the log',
    { read: [{ ...good.read[0]!, complete: false }] },
  ],
];

describe('a campaign reports a violation of', () => {
  test.each(broken)('%s: %s', (invariant, _, changes) => {
    expect(judge(goodRun(changes)).map((violation) => violation.invariant)).toContain(invariant);
  });

  it('each invariant, with evidence that breaks it', () => {
    expect(new Set(broken.map(([invariant]) => invariant))).toEqual(new Set(Object.keys(invariants)));
  });

  it('one lease per host when two runs work on it at the same time', () => {
    const other = lines('a', 15, 25, { run: 'other' });
    expect(judgeHost('host', [...lines('a', 10, 20), ...other])).toHaveLength(1);
    expect(judgeHost('host', [...lines('a', 10, 14), ...other])).toEqual([]);
  });
});

describe('a campaign accepts', () => {
  it('a run in which nothing happened', () => expect(judge(good)).toEqual([]));

  it('a launch that a fault cut short, and the next attempt', () => {
    const status = statusOf([{ ...succeeded('a', true), attempt: 2 }, succeeded('b', false)]);
    const evidence = goodRun({
      drawn: { ...good.drawn, steps: good.drawn.steps.map((step) => ({ ...step, attempts: 2 })) },
      ledger: [...lines('a', 5, undefined), ...lines('a', 10, 20, { attempt: 2 }), ...good.ledger.slice(2)],
      status,
      claims: [{ launch: idOf('a'), atMs: 8, claims: 'interrupted' }],
      launches: [
        { launch: idOf('a'), started: true, log: first!.log.slice(0, 5) },
        { ...first!, launch: idOf('a', 'step', 2), log: first!.log.replaceAll('a 1', 'a 2') },
        second!,
        third!,
      ],
      read: [],
      faults: [killing],
    });
    expect(judge(evidence)).toEqual([]);
  });

  it.each([
    [
      'step-failed',
      { ledger: good.ledger.map((line) => (line === good.ledger[3] ? { ...line, code: 3 } : line)) },
    ],
    ['step-interrupted', { faults: [killing] }],
    ['disk-full', { faults: [{ ...killing, losesLogs: true }] }],
    ['auth-failed', { faults: [{ ...killing, kills: false, removesAccess: true }] }],
    ['launch-not-started', { faults: [{ ...killing, kills: false, kind: 'zmx daemon killed' }] }],
    ['leftovers-found', { drawn: { ...good.drawn, onLeftovers: 'refuse' } }],
    ['lease-held', { drawn: { ...good.drawn, rivalOf: 'other' } }],
  ] as const)('a run that failed with %s and shows why', (code, changes) => {
    const evidence = goodRun({ outcome: failed(code), ...changes });
    expect(judge(evidence).map(({ invariant }) => invariant)).not.toContain(
      'a run fails only for a known cause',
    );
  });

  it('a terminated run whose sessions stay open', () => {
    const drawn = { ...good.drawn, action: { action: 'terminate', afterMs: 1 } } as const;
    const sessions = [{ name: 'b', launch: idOf('b') }];
    expect(judge(goodRun({ drawn, outcome: aborted, sessions }))).toEqual([]);
  });

  it('a run that found the sentinel that a terminated run of the same plan had still written', () => {
    const outcome = { ...good.outcome, outcome: 'already-provisioned' } as Evidence['outcome'];
    const steps = good.status.steps.map(({ name }) => ({ name, state: 'pending' as const, attempt: 0 }));
    const found = { outcome, status: statusOf(steps), ledger: [], launches: [], claims: [], read: [] };
    expect(judge(goodRun({ ...found, sentinel: 'other' }))).toEqual([]);
  });

  it('a log that did not fit on a full disk', () => {
    const launches = [{ ...first!, log: '', cut: true as const }, second!, third!];
    expect(judge(goodRun({ launches, faults: [{ ...killing, losesLogs: true }] }))).toEqual([]);
  });

  it('a step that a person skipped', () => {
    const status = statusOf(
      [succeeded('a', true), { ...succeeded('b', false), state: 'skipped' }],
      [{ action: 'skipStep', step: 'b', atMs: 45 }],
    );
    const ledger = [
      ...lines('a', 10, 20),
      ...lines('b', 30, undefined),
      ...lines('a', 50, 60, { kind: 'finalizer' }),
    ];
    const launches = [first!, { ...second!, code: 143, log: '' }, third!];
    expect(judge(goodRun({ status, ledger, launches }))).toEqual([]);
  });

  const reset = { ...killing, kills: false, kind: WORKFLOW_RESET };
  const cut = goodRun({
    ledger: [],
    outcome: failed('step-interrupted'),
    status: statusOf([{ name: 'a', state: 'failed', attempt: 1 }]),
    claims: [{ launch: idOf('a'), atMs: 8, claims: 'interrupted' }],
    launches: [{ launch: idOf('a'), started: true, code: 143, log: '', killed: true }],
    sentinel: 'other',
    read: [],
  });

  it('an attempt that Chandler ended before the run was reset, and no other', () => {
    expect(judge({ ...cut, faults: [reset] })).toEqual([]);
    for (const evidence of [
      cut,
      { ...cut, faults: [reset], launches: [{ launch: idOf('a'), started: true, code: 143, log: '' }] },
    ])
      expect(judge(evidence).map(({ invariant }) => invariant)).toEqual([
        'a run fails only for a known cause',
        'only a fault that kills interrupts a launch',
      ]);
  });

  it('an attempt whose end by an abort was reported before its wait was cancelled', () => {
    const asked = statusOf([{ name: 'a', state: 'failed', attempt: 1 }], [{ action: 'abort', atMs: 7 }]);
    const found = (changes: object) =>
      judge({ ...cut, outcome: aborted, ...changes }).map(({ invariant }) => invariant);
    expect(found({ status: asked })).toEqual([]);
    expect(found({})).toContain('only a fault that kills interrupts a launch');
  });

  it('a step that may reboot its host and was ended by a fault that rebooted it', () => {
    const steps = good.drawn.steps.map((step) => ({ ...step, reboot: 'allowed' as const }));
    const found = (changes: object) =>
      judge(
        goodRun({
          drawn: { ...good.drawn, steps },
          ledger: [...lines('a', 10, 20), ...lines('b', 30, undefined), ...good.ledger.slice(4)],
          faults: [{ ...killing, kind: 'host rebooted' }],
          ...changes,
        }),
      ).map(({ invariant }) => invariant);
    expect(found({})).toEqual([]);
    expect(found({ faults: [killing] })).toContain('the recorded code is the real one');
  });

  const beyond = [...good.ledger, ...lines('b', 70, 80, { attempt: 2 })];
  const launches = [
    ...good.launches,
    { ...second!, launch: idOf('b', 'step', 2), log: expectedLog('b', 'step', 2, good.drawn.steps[1]!.work) },
  ];

  it('an attempt that a reset made the run forget', () => {
    const found = judge(goodRun({ ledger: beyond, launches, faults: [reset] }));
    expect(found.map(({ invariant }) => invariant)).not.toContain('only requested launches run');
  });

  it('a sentinel of a run that was reset after it had written it, if the ledger has the end of everything', () => {
    const found = (changes: object) =>
      judge(
        goodRun({
          outcome: { ...good.outcome, outcome: 'already-provisioned' } as Evidence['outcome'],
          status: statusOf(['a', 'b'].map((name) => ({ name, state: 'pending', attempt: 0 }))),
          claims: [],
          ...changes,
        }),
      ).map(({ invariant }) => invariant);
    const early = 'no sentinel before everything is done';
    expect(found({ faults: [reset] })).not.toContain(early);
    expect(found({})).toContain(early);
    expect(found({ faults: [reset], ledger: lines('a', 10, 20) })).toContain(early);
  });

  it('such an attempt only after a reset of this run and with its own launch id', () => {
    const others = judge(goodRun({ ledger: beyond, launches, faults: [{ ...reset, run: 'other' }] }));
    expect(others.map(({ invariant }) => invariant)).toContain('only requested launches run');
    const strange = [...good.ledger, ...lines('b', 70, 80, { attempt: 2, launch: 'strange' })];
    const found = judge(goodRun({ ledger: strange, launches, faults: [reset] }));
    expect(found.map(({ invariant }) => invariant)).toContain('only requested launches run');
  });
});
