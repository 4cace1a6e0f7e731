import { describe, expect, it, test } from 'vitest';
import type { Evidence } from '../../chaos/evidence.ts';
import { invariants, judge, judgeHost } from '../../chaos/invariants.ts';
import { NO_LEDGER } from '../../chaos/script.ts';
import type { FailureCode } from '../../src/domain/failure.ts';
import { goodRun, idOf, killing, lines, statusOf, succeeded } from './make-evidence.ts';

const good = goodRun();
const failed = (code: FailureCode, message = 'b: exit 3'): Evidence['outcome'] => ({
  outcome: 'failed',
  failure: { code, message, advice: '' },
});
const aborted: Evidence['outcome'] = {
  outcome: 'aborted',
  failure: { code: 'aborted', message: 'aborted: enough', advice: '' },
};
const [first, second, third] = good.launches;

/** What breaks each promise, made up. */
const broken: [keyof typeof invariants, string, Partial<Evidence>][] = [
  [
    'the ledger was reached',
    'a step could not',
    { launches: [{ ...first!, code: NO_LEDGER }, second!, third!] },
  ],
  ['a run ends or is parked with a reason', 'it hangs', { outcome: { outcome: 'stuck', why: 'waitStep' } }],
  [
    'a run ends or is parked with a reason',
    'nobody knows why it failed',
    { outcome: failed('internal-error') },
  ],
  ['a run ends badly only for a cause', 'nobody asked for its end', { outcome: aborted }],
  ['a run ends badly only for a cause', 'a network is no cause', { outcome: failed('host-unreachable') }],
  ['a run ends badly only for a cause', 'no step has failed', { outcome: failed('step-failed') }],
  [
    'a launch runs exactly once',
    'it starts twice',
    { ledger: [...good.ledger, ...lines('a', 11, undefined)] },
  ],
  ['a launch runs exactly once', 'it ends twice', { ledger: [...good.ledger, lines('a', 11, 12)[1]!] }],
  ['a launch runs exactly once', 'it ends and never began', { ledger: good.ledger.slice(1) }],
  [
    'a launch runs exactly once',
    'the same try under two names',
    { ledger: [...good.ledger, ...lines('a', 10, 20, { launch: 'another' })] },
  ],
  [
    'only what was ordered runs',
    'a try too many',
    { ledger: [...good.ledger, ...lines('b', 70, 80, { generation: 2 })] },
  ],
  [
    'nothing runs again unless asked',
    'a second try without a policy',
    { status: statusOf([succeeded('a', true), { ...succeeded('b', false), generation: 2 }]) },
  ],
  [
    'no success without an end with code 0',
    'no end',
    { ledger: good.ledger.filter((line) => line !== good.ledger[3]) },
  ],
  [
    'no success without an end with code 0',
    'an end with another code',
    { ledger: good.ledger.map((line) => (line === good.ledger[1] ? { ...line, code: 3 } : line)) },
  ],
  [
    'no success without an end with code 0',
    'history alone says so',
    { claims: [{ launch: 'unknown', atMs: 1, claims: 'succeeded' }] },
  ],
  [
    'the recorded code is the real one',
    'it is another',
    { launches: [{ ...first!, code: 3 }, second!, third!] },
  ],
  ['a launch that ran is known to its host', 'it is forgotten', { launches: [first!, second!] }],
  [
    'a launch that ran is known to its host',
    'it never began',
    { launches: [first!, { ...second!, started: false }, third!] },
  ],
  [
    'only what kills interrupts',
    'history says interrupted',
    { claims: [{ launch: idOf('a'), atMs: 15, claims: 'interrupted' }] },
  ],
  [
    'only what kills interrupts',
    'a launch has no end on its host',
    { launches: [{ launch: idOf('a'), started: true, log: '' }, second!, third!] },
  ],
  [
    'tries of a part do not overlap',
    'the first ends in the middle of the second',
    { ledger: [...good.ledger, ...lines('b', 35, 45, { generation: 2 })] },
  ],
  [
    'a step waits for what it needs',
    'it begins before',
    { ledger: [...lines('a', 10, 31), ...good.ledger.slice(2)] },
  ],
  [
    'no finalizer before all steps',
    'a step is still at work',
    { ledger: [...good.ledger.slice(0, 2), ...lines('b', 30, 55), ...good.ledger.slice(4)] },
  ],
  ['no sentinel without all', 'provisioned without one', { sentinel: undefined as never }],
  [
    'no sentinel without all',
    'a step has failed',
    {
      outcome: failed('step-failed'),
      status: statusOf([succeeded('a', true), { ...succeeded('b', false), state: 'failed' }]),
    },
  ],
  ['no sentinel without all', 'a finalizer never ran', { ledger: good.ledger.slice(0, 4) }],
  ['nothing is left on the host', 'a process lives on', { alive: [idOf('b')] }],
  [
    'nothing is left on the host',
    'a session after an abort',
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
    'the client gets less',
    { read: [{ launch: idOf('a'), text: 'step a', complete: true }] },
  ],
  [
    'logs are complete',
    'the disk was full, and nobody says that something is missing',
    { launches: [{ ...first!, log: '' }, second!, third!], faults: [{ ...killing, losesLogs: true }] },
  ],
  ['logs are complete', 'the client is never done', { read: [{ ...good.read[0]!, complete: false }] }],
];

describe('a campaign finds', () => {
  test.each(broken)('%s: %s', (invariant, _, changes) => {
    expect(judge(goodRun(changes)).map((violation) => violation.invariant)).toContain(invariant);
  });

  it('a way to break each invariant', () => {
    expect(new Set(broken.map(([invariant]) => invariant))).toEqual(new Set(Object.keys(invariants)));
  });

  it('one lease per host: two runs at work at the same time', () => {
    const other = lines('a', 15, 25, { run: 'other' });
    expect(judgeHost('host', [...lines('a', 10, 20), ...other])).toHaveLength(1);
    expect(judgeHost('host', [...lines('a', 10, 14), ...other])).toEqual([]);
  });
});

describe('a campaign accepts', () => {
  it('a run in which nothing happened', () => expect(judge(good)).toEqual([]));

  it('a launch that a fault cut short, and the try that followed', () => {
    const status = statusOf([{ ...succeeded('a', true), generation: 2 }, succeeded('b', false)]);
    const evidence = goodRun({
      drawn: { ...good.drawn, steps: good.drawn.steps.map((step) => ({ ...step, attempts: 2 })) },
      ledger: [
        ...lines('a', 5, undefined),
        ...lines('a', 10, 20, { generation: 2 }),
        ...good.ledger.slice(2),
      ],
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
    ['lease-held', { drawn: { ...good.drawn, rivalOf: 'other' } }],
  ] as const)('a run that failed with %s and shows why', (code, changes) => {
    const evidence = goodRun({ outcome: failed(code), ...changes });
    expect(judge(evidence).map(({ invariant }) => invariant)).not.toContain(
      'a run ends badly only for a cause',
    );
  });

  it('a log that a full disk could not keep', () => {
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
});
