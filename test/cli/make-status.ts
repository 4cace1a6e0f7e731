import type { RunStatus } from '../../src/domain/run/status.ts';

/** A run in the middle: one step runs, one is parked after its second try, one waits. */
export function makeStatus(changes: Partial<RunStatus> = {}): RunStatus {
  return {
    phase: 'steps',
    plan: 'demo',
    host: 'root@web1:22',
    attention: true,
    paused: false,
    startedAtMs: 0,
    steps: [
      { name: 'packages', state: 'running', attempt: 1, startedAtMs: 1000, session: 'packages' },
      {
        name: 'network',
        state: 'parked',
        attempt: 2,
        startedAtMs: 1000,
        endedAtMs: 3500,
        exitCode: 3,
        session: 'network.2',
        failure: {
          code: 'step-failed',
          message: 'network on root@web1:22: exit 3',
          advice: 'Look around.',
          exitCode: 3,
          logTail: 'asking for a lease\n\u001b[31mno answer\u001b[0m\n',
        },
      },
      {
        name: 'site',
        state: 'pending',
        attempt: 0,
        finalizer: { state: 'pending', attempt: 0 },
      },
    ],
    sentinel: '/var/lib/chandler/provisioned',
    attach:
      'env ZMX_DIR=/run/chandler/zmx /opt/zmx list --short | grep -qxF NAME && env ZMX_DIR=/run/chandler/zmx /opt/zmx attach NAME',
    auditTrail: [],
    ...changes,
  };
}
