import type { PartFailure, PartStatus, RunStatus, StepStatus } from '../../src/domain/run/status.ts';

/** 2026-11-27 22:13:20 UTC */
const BEGAN = Date.UTC(2026, 10, 27, 22, 13, 20);
const at = (seconds: number) => BEGAN + seconds * 1000;
const pending: PartStatus = { state: 'pending', attempt: 0 };
const done = (fromS: number, toS: number, attempt = 1): PartStatus => ({
  state: 'succeeded',
  attempt,
  startedAtMs: at(fromS),
  endedAtMs: at(toS),
});
const running = (sinceS: number, attempt = 1): PartStatus => ({
  state: 'running',
  attempt,
  startedAtMs: at(sinceS),
});
const stepFailure: PartFailure = {
  code: 'step-failed',
  message: 'network on root@web1:22: exit 3',
  advice:
    "Look around with: `ssh -t root@web1 'ZMX_DIR=/z zmx attach network'` — then retry or skip the step.",
  exitCode: 3,
  logTail: 'one\ntwo\nthree\nfour\nfive\nasking for a lease\nno answer from 10.0.0.1: is the cable in?\n',
};
const failed = (state: PartStatus['state'], attempt = 1): PartStatus => ({
  state,
  attempt,
  startedAtMs: at(4),
  endedAtMs: at(6.4),
  exitCode: 3,
  failure: stepFailure,
});

/** A plan of three steps, the last of which has a finalizer. */
function run(
  phase: RunStatus['phase'],
  [packages, network, site, finalizer]: readonly [PartStatus, PartStatus, PartStatus, PartStatus],
  changes: Partial<RunStatus> = {},
): RunStatus {
  const steps: StepStatus[] = [
    { name: 'packages', ...packages },
    { name: 'network', ...network },
    { name: 'site', ...site, finalizer },
  ];
  return {
    phase,
    plan: 'web',
    host: 'root@web1:22',
    attention: false,
    paused: false,
    startedAtMs: BEGAN,
    steps,
    sentinel: '/var/lib/chandler/provisioned',
    auditTrail: [],
    ...changes,
  };
}

const nothing = [pending, pending, pending, pending] as const;
const all = [done(3, 5), done(6, 8, 2), done(8, 70), done(70, 71)] as const;

/** A run in each of its phases; what is shown of it is in test/fixtures/markdown. */
export const phases: Readonly<Record<string, RunStatus>> = {
  validating: run('validating', nothing),
  connecting: run('connecting', nothing),
  'waiting-for-script': run('waiting-for-script', nothing, {
    plan: 'self-provisioned',
    steps: [],
    waitingFor: "the host's own script to begin",
    waitingUntilMs: at(86_400),
  }),
  'waiting-for-bootstrap': run('waiting-for-bootstrap', nothing, {
    waitingFor: '/root/.ssh-provisioned',
    waitingUntilMs: at(903),
  }),
  steps: run('steps', [done(3, 5), failed('retrying'), running(5), pending]),
  'steps-after-midnight': run('steps', [
    done(3, 5),
    running(7200, 3),
    { state: 'satisfied', attempt: 0 },
    pending,
  ]),
  parked: run('steps', [done(3, 5), failed('parked'), running(5), pending], { attention: true }),
  paused: run('steps', [done(3, 5), done(4, 6), pending, pending], {
    paused: true,
    auditTrail: [{ action: 'pause', reason: 'lunch', by: 'ann@desk', atMs: at(5) }],
  }),
  finalizers: run('finalizers', [...all.slice(0, 3), running(70)] as unknown as typeof all),
  'finalizer-parked': run(
    'finalizers',
    [
      done(3, 5),
      { ...failed('skipped') },
      done(8, 70),
      {
        ...failed('parked'),
        failure: {
          code: 'finalizer-failed',
          message: 'site (finalizer) on root@web1:22: exit 3',
          advice: 'Read the log of the finalizer, fix the cause, then retry its step.',
          exitCode: 3,
          logTail: '',
        },
      },
    ],
    {
      attention: true,
      auditTrail: [{ action: 'skipStep', step: 'network', reason: 'has no cable', atMs: at(9) }],
    },
  ),
  verifying: run('verifying', all),
  provisioned: run('provisioned', all, {
    endedAtMs: at(72),
    auditTrail: [
      { action: 'retryStep', step: 'network', by: 'ann@desk', atMs: at(6) },
      { action: 'pause', atMs: at(7) },
      { action: 'resume', reason: 'was a *mistake*', by: 'ann@desk', atMs: at(90_000) },
    ],
  }),
  'provisioned-with-skipped': run(
    'provisioned',
    [done(3, 5), { ...failed('skipped') }, done(8, 70), done(70, 71)],
    {
      endedAtMs: at(72),
      auditTrail: [{ action: 'skipStep', step: 'network', reason: 'has no cable', atMs: at(9) }],
    },
  ),
  'already-provisioned': run('already-provisioned', nothing, { endedAtMs: at(1) }),
  'failed-at-once': run('failed', nothing, {
    endedAtMs: at(1),
    failure: {
      code: 'invalid-input',
      message: 'steps[0].name: is missing\ntarget.port: must be at most 65535',
      advice: 'Correct the listed problems in the plan; `chandler validate PLAN` checks it.',
    },
  }),
  failed: run(
    'failed',
    [done(3, 5), failed('failed'), { ...running(5), state: 'killed', endedAtMs: at(7) }, pending],
    {
      endedAtMs: at(8),
      failure: stepFailure,
    },
  ),
  aborted: run('aborted', [done(3, 5), failed('failed'), { state: 'blocked', attempt: 0 }, pending], {
    endedAtMs: at(8),
    failure: {
      code: 'aborted',
      message: 'aborted (wrong host)',
      advice: 'The run was ended, with everything that still ran.',
    },
    auditTrail: [{ action: 'abort', reason: 'wrong host', by: 'ann@desk', atMs: at(7) }],
  }),
};
