import type { Evidence } from '../../chaos/evidence.ts';
import type { LedgerLine } from '../../chaos/ledger.ts';
import type { DrawnRun, DrawnStep } from '../../chaos/plans.ts';
import { expectedLog, type Work } from '../../chaos/script.ts';
import { makeLaunch } from '../../src/domain/run/ids.ts';
import type { RunStatus, StepStatus } from '../../src/domain/run/status.ts';

export const firstRunId = 'first-run';
export const idOf = (step: string, kind: 'step' | 'finalizer' = 'step', attempt = 1) =>
  makeLaunch(firstRunId, step, kind, attempt).id;

const work: Work = { lines: 2, pauseMs: 0, failsUntil: 0, failCode: 1, padding: 0 };
export const drawnStep = (name: string, changes: Partial<DrawnStep> = {}): DrawnStep => ({
  name,
  needs: [],
  work,
  attempts: 1,
  backoffMs: 1,
  ...changes,
});

/** The lines for the start and the end of a part. */
export function lines(
  step: string,
  fromMs: number,
  toMs: number | undefined,
  changes: Partial<LedgerLine> = {},
): LedgerLine[] {
  const { kind = 'step', attempt = 1 } = changes;
  const line = { launch: idOf(step, kind, attempt), run: 'run', kind, step, attempt };
  return [
    { ...line, atMs: fromMs, event: 'start', ...changes },
    ...(toMs === undefined ? [] : [{ ...line, atMs: toMs, event: 'end' as const, code: 0, ...changes }]),
  ];
}

const done = (name: string, finalizer: boolean): StepStatus => ({
  name,
  state: 'succeeded',
  attempt: 1,
  ...(finalizer && { finalizer: { state: 'succeeded', attempt: 1 } }),
});

/** A run without fault: `a` with a finalizer, then `b`, which needs it. */
export function goodRun(changes: Partial<Evidence> = {}): Evidence {
  const steps = [drawnStep('a', { finalizer: work }), drawnStep('b', { needs: ['a'] })];
  const drawn: DrawnRun = { name: 'run', host: 0, steps, onStepFailure: 'park', keepSessions: 'failed' };
  const launch = (step: string, kind: 'step' | 'finalizer') => ({
    launch: idOf(step, kind),
    started: true,
    code: 0,
    log: expectedLog(step, kind, 1, work),
  });
  return {
    drawn,
    firstRunId,
    hostName: 'host',
    ledger: [...lines('a', 10, 20), ...lines('b', 30, 40), ...lines('a', 50, 60, { kind: 'finalizer' })],
    outcome: {
      outcome: 'provisioned',
      result: { outcome: 'provisioned', host: '', digest: '', steps: [], auditTrail: [] },
    },
    status: statusOf([done('a', true), done('b', false)]),
    claims: [{ launch: idOf('a'), atMs: 21, claims: 'succeeded' }],
    events: [],
    launches: [launch('a', 'step'), launch('b', 'step'), launch('a', 'finalizer')],
    sentinel: 'own',
    alive: [],
    sessions: [],
    read: [{ launch: idOf('a'), text: expectedLog('a', 'step', 1, work), complete: true }],
    faults: [],
    ...changes,
  };
}

export function statusOf(steps: StepStatus[], auditTrail: RunStatus['auditTrail'] = []): RunStatus {
  return {
    phase: 'provisioned',
    plan: 'run',
    host: 'root@host:22',
    attention: false,
    paused: false,
    startedAtMs: 0,
    steps,
    sentinel: '/root/sentinel',
    auditTrail: [...auditTrail],
  };
}

export const succeeded = done;
export const killing = {
  kind: 'supervisor killed',
  host: 'host',
  run: 'run',
  atMs: 15,
  healedMs: 15,
  onHost: true,
  kills: true,
  losesLogs: false,
  removesAccess: false,
};
