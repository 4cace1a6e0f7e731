import type { HostInspection } from '../../src/activities/activity-types.ts';
import type { ScriptState } from '../../src/host/script-state.ts';

/** A host on which all is well and Chandler has never been. */
function sight(changes: Partial<HostInspection> = {}): HostInspection {
  return {
    facts: {
      arch: 'x86_64',
      os: 'Debian',
      uid: 0,
      bootId: 'b',
      stateDir: '/s',
      zmxDir: '/z',
      tools: ['bash', 'tmux'],
    },
    user: 'root',
    nowMs: 0,
    aheadMs: 0,
    missing: { tools: [], packages: [] },
    state: { exists: false, noexec: false, freeKiB: 1e6, freeInodes: 1e6 },
    sentinel: { path: '/s/provisioned', found: 'absent' },
    leftovers: [],
    openSessions: [],
    launches: [],
    zmx: { kind: 'install', what: 'zmx 0.7.0', from: 'https://example.org/zmx.tar.gz' },
    zmxReady: [],
    execs: { tried: 6, opened: 6 },
    loginMs: 100,
    ...changes,
  };
}

/** Makes what a worker sees of a host, and parts of it. */
export const makeInspection = Object.assign(sight, {
  heldBy: (workflowId: string, atWork: boolean): NonNullable<HostInspection['holder']> => ({
    kind: 'run',
    workflowId,
    runId: 'r',
    namespace: 'default',
    atWork,
  }),
  script: (changes: Partial<ScriptState> = {}): ScriptState => ({
    owner: 'o',
    digest: 'd',
    alive: false,
    phase: 'steps',
    sentinelPath: '/s/provisioned',
    logPath: '/s/log',
    zmxPath: '',
    outcomes: {},
    ...changes,
  }),
});
