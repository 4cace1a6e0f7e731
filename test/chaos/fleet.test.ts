import { describe, expect, it } from 'vitest';
import { fleetInvariants, judgeFleet, type FleetEvidence } from '../../chaos/fleet/judge-fleet.ts';
import { renderFleetViolations } from '../../chaos/fleet/report-fleet.ts';
import { lines } from './make-evidence.ts';
import { action, drawnFleet, goodFleet, hostOf, runOf, statusOfFleet, timed } from './make-fleet.ts';

const hosts = ['n0', 'n1', 'n2'].map((name) => hostOf(name));
const counts = { pending: 0, running: 0, parked: 0, failed: 1, done: 2 };
const aborted: FleetEvidence['end'] = {
  outcome: 'aborted',
  failure: { code: 'aborted', message: 'aborted (enough)', advice: '' },
};
const replaced = (host: Partial<FleetEvidence['hosts'][number]>) => [
  ...hosts.slice(0, 2),
  hostOf('n2', host),
];

/** Invented evidence that breaks each invariant. */
const ends: [keyof typeof fleetInvariants, string, Partial<FleetEvidence>][] = [
  [
    'every host is in one state at every moment',
    'a host is missing from the sum',
    { samples: [{ atMs: 1, status: statusOfFleet({ counts: { ...counts, failed: 0 } }) }] },
  ],
  [
    'every host is in one state at every moment',
    'the recount differs',
    { samples: [{ atMs: 1, status: statusOfFleet({ recounted: 2 }) }] },
  ],
  [
    'a fleet reaches an end that something explains',
    'it hangs',
    { end: { outcome: 'stuck', why: 'at work' } },
  ],
  ['a fleet reaches an end that something explains', 'nobody aborted it', { end: aborted }],
  [
    'a fleet reaches an end that something explains',
    'it failed',
    { end: { outcome: 'failed', failure: { code: 'internal-error', message: '', advice: '' } } },
  ],
  [
    'a fleet reaches an end that something explains',
    'nothing disturbed it',
    {
      drawn: { ...drawnFleet, isCalm: true },
      end: { ...goodFleet().end, outcome: 'incomplete' } as FleetEvidence['end'],
    },
  ],
  ['the result is the sum of the hosts', 'a host is listed twice', { hosts: [...hosts, hostOf('n0')] }],
  ['the result is the sum of the hosts', 'a host is missing', { hosts: hosts.slice(1) }],
  ['the result is the sum of the hosts', 'the status counts others', { status: statusOfFleet({ counts }) }],
  ['the result is the sum of the hosts', 'provisioned without one', { hosts: replaced({ state: 'failed' }) }],
  [
    'the result is the sum of the hosts',
    'incomplete with too many failures',
    {
      end: {
        outcome: 'incomplete',
        result: {
          outcome: 'incomplete',
          name: '',
          hosts: 3,
          counts,
          skipped: 0,
          failures: [],
          auditTrail: [],
        },
      },
      status: statusOfFleet({ counts }),
      hosts: replaced({ state: 'failed', failure: { code: 'step-failed', message: '' } }),
      runs: [runOf('n0'), runOf('n1'), runOf('n2', { outcome: 'failed' })],
    },
  ],
  [
    'the state of a host agrees with its latest run',
    'its run failed',
    { runs: [runOf('n0'), runOf('n1'), runOf('n2', { outcome: 'failed' })] },
  ],
  ['the state of a host agrees with its latest run', 'it never ran', { runs: [runOf('n0'), runOf('n1')] }],
  [
    'the state of a host agrees with its latest run',
    'its run succeeded',
    { hosts: replaced({ state: 'failed', failure: { code: 'step-failed', message: '' } }) },
  ],
  [
    'the state of a host agrees with its latest run',
    'it failed for no known cause',
    { hosts: replaced({ state: 'failed', failure: { code: 'internal-error', message: 'lost' } }) },
  ],
  [
    'the state of a host agrees with its latest run',
    'nobody skipped it',
    { hosts: replaced({ state: 'skipped' }) },
  ],
  [
    'the state of a host agrees with its latest run',
    'it is left over',
    { hosts: replaced({ state: 'pending' }) },
  ],
  [
    'the state of a host agrees with its latest run',
    'it is still at work',
    { hosts: replaced({ state: 'running' }) },
  ],
  [
    'steps that run once run on one host, before what follows on the others',
    'they ran on two hosts',
    { runs: [runOf('n0'), runOf('n1', { withOnce: true, ledger: lines('m', 110, 120) }), runOf('n2')] },
  ],
  [
    'steps that run once run on one host, before what follows on the others',
    'another host did not wait',
    { runs: [runOf('n0'), runOf('n1', { ledger: lines('b', 15, 25) }), runOf('n2')] },
  ],
];

describe('the judge of a fleet', () => {
  it('accepts a fleet without fault', () => {
    expect(judgeFleet(goodFleet())).toEqual([]);
  });

  it.each(ends)('finds a violation of "%s": %s', (invariant, _, changes) => {
    const found = judgeFleet(goodFleet(changes)).map((each) => each.invariant);
    expect(found).toContain(invariant);
  });

  it('shows each of its rules broken', () => {
    expect(new Set(ends.map(([invariant]) => invariant))).toEqual(new Set(Object.keys(fleetInvariants)));
  });

  it('accepts what an operator asked for', () => {
    const events = timed([action('skipHosts', { hosts: ['n0', 'n2'] }), action('abort')]);
    const executions = [{ runId: 'first', firstRunId: 'first', events }];
    const second = runOf('n1', { withOnce: true, ledger: lines('m', 110, 120) });
    const asked = {
      executions,
      end: aborted,
      hosts: replaced({ state: 'skipped' }),
      runs: [runOf('n0'), second],
    };
    expect(judgeFleet(goodFleet(asked))).toEqual([]);
  });

  it('shows violations with seed, hosts, and all that happened in order of time', () => {
    const violations = [{ invariant: 'the concurrency is never exceeded' as const, what: 'n2 too' }];
    const text = renderFleetViolations(goodFleet(), violations, 42);
    expect(text).toContain('VIOLATION the concurrency is never exceeded: n2 too\nseed 42, fleet, {"outcome"');
    expect(text).toMatch(/fleet +irst .*"start".*\n.* status .*\n.* ledger +n0 step m 1 start/s);
  });
});
