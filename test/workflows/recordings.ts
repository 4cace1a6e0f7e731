import type { Activities } from '../../src/activities/activity-types.ts';
import type { ChandlerClient } from '../../src/client.ts';
import type { Plan, WatchInput } from '../../src/domain/plan/schema.ts';
import { findStatus } from '../support/find-status.ts';
import { poll } from '../support/poll.ts';
import { ended, facts, failed, step, untilCancelled } from './harness.ts';
import { foundOn, gaveUpOnA, launch, script, showing, steps as scriptSteps } from './self-provisioned.ts';

const parked = (client: ChandlerClient, id: string) =>
  poll(async () => (await findStatus(client, id))?.attention === true, `${id} parked`);
const running = (client: ChandlerClient, id: string, name: string) =>
  poll(async () => {
    const status = await findStatus(client, id);
    return status?.steps.find((candidate) => candidate.name === name)?.state === 'running';
  }, `${name} of ${id} runs`);

/** A run whose history is kept: on a host that does everything at once, except for `changes`. */
interface Recording {
  readonly changes?: Partial<Activities>;
  readonly steps?: Plan['steps'];
  readonly options?: Partial<Plan>;
  /** A watch instead: what it is told. */
  readonly watch?: Partial<WatchInput>;
  readonly act?: (client: ChandlerClient, id: string) => Promise<void>;
}

/** Fails the first try of step b. */
function failsFirst(): Partial<Activities> {
  let count = 0;
  return {
    waitStep: ({ launch }) =>
      launch.step === 'b' && (count += 1) === 1 ? Promise.reject(failed(3)) : Promise.resolve(ended),
  };
}
/** Fails the first try of each finalizer. */
const failingFinalizer: Partial<Activities> = {
  finalizeStep: ({ launch }) => (launch.attempt === 1 ? Promise.reject(failed(4)) : Promise.resolve(ended)),
};
const endless: Partial<Activities> = {
  waitStep: ({ launch }) => (launch.step === 'endless' ? untilCancelled() : Promise.resolve(ended)),
};

/** The ways a run can go, by the names of their files. */
export const recordings: Readonly<Record<string, Recording>> = {
  provisioned: {
    steps: [step('a', { finalize: 'true' }), step('b', { needs: ['a'] }), step('c')],
    options: { bootstrap: { marker: '/ready' } },
  },
  'already-provisioned': {
    changes: {
      prepareHost: async () => ({
        facts,
        pruned: 0,
        sentinelPath: '/s/provisioned',
        sentinel: 'done',
        lease: 'l',
        ended: [],
      }),
    },
    steps: [step('a')],
  },
  satisfied: { changes: { runStep: async () => 'satisfied' }, steps: [step('a', { check: 'true' })] },
  'parked-and-retried': {
    changes: failsFirst(),
    steps: [step('a'), step('b', { retry: { attempts: 1 } })],
    async act(client, id) {
      await parked(client, id);
      await client.pause(id);
      await client.resume(id);
      await client.retry(id, { step: 'b', script: 'other' });
    },
  },
  'parked-and-retried-by-signal': {
    changes: failsFirst(),
    steps: [step('a'), step('b')],
    async act(client, id) {
      await parked(client, id);
      const handle = client.temporal.workflow.getHandle(id);
      await handle.signal('retryStep', { step: 'nobody' });
      await handle.signal('retryStep', { step: 'b' });
    },
  },
  'parked-and-skipped': {
    changes: failsFirst(),
    steps: [step('a'), step('b', { finalize: 'true' }), step('c', { needs: ['b'] })],
    async act(client, id) {
      await parked(client, id);
      await client.skip(id, { step: 'b', reason: 'by hand' });
    },
  },
  'parked-too-long': {
    changes: failsFirst(),
    steps: [step('b')],
    options: { parkTimeout: '1s' },
  },
  'finalizer-parked-and-retried': {
    changes: failingFinalizer,
    steps: [step('a', { finalize: 'true' })],
    async act(client, id) {
      await parked(client, id);
      await client.retry(id, { step: 'a' });
    },
  },
  aborted: {
    changes: failsFirst(),
    steps: [step('a'), step('b'), step('c', { needs: ['b'] })],
    async act(client, id) {
      await parked(client, id);
      await client.abort(id, { reason: 'enough' });
    },
  },
  cancelled: {
    changes: endless,
    steps: [step('endless')],
    async act(client, id) {
      await running(client, id, 'endless');
      await client.temporal.workflow.getHandle(id).cancel();
    },
  },
  'timed-out': {
    changes: endless,
    steps: [step('endless', { timeout: '1s' })],
    options: { onStepFailure: 'fail' },
  },
  'failed-at-once': {
    changes: {
      waitStep: ({ launch }) => (launch.step === 'b' ? Promise.reject(failed(3)) : untilCancelled()),
    },
    steps: [step('a'), step('b')],
    options: { onStepFailure: 'fail' },
  },
  'failed-with-continue': {
    changes: { waitStep: () => Promise.reject(failed(3)) },
    steps: [step('a', { retry: { attempts: 2, backoff: '1s' } }), step('b', { needs: ['a'] })],
    options: { onStepFailure: 'continue' },
  },
  'invalid-input': {
    changes: {
      admitPlan: async () => ({
        problems: [{ path: 'steps', message: 'is missing' }],
        searchAttributes: [],
      }),
    },
    steps: [step('a')],
  },
  reset: {
    changes: failsFirst(),
    steps: [step('a'), step('b')],
    async act(client, id) {
      await parked(client, id);
      const handle = client.temporal.workflow.getHandle(id);
      const { events } = await handle.fetchHistory();
      const completed = events?.findLast((event) => event.workflowTaskCompletedEventAttributes);
      await client.temporal.workflowService.resetWorkflowExecution({
        namespace: 'default',
        workflowExecution: { workflowId: id, runId: (await handle.describe()).runId },
        workflowTaskFinishEventId: completed?.eventId ?? null,
        requestId: id,
        reason: 'a person wants to go back',
      });
      await parked(client, id);
      await client.retry(id, { step: 'b' });
    },
  },
  'continued-as-new': {
    changes: failsFirst(),
    steps: [step('a', { finalize: 'true' }), step('b'), step('c', { needs: ['b'] })],
    async act(client, id) {
      await parked(client, id);
      const { runId } = await client.temporal.workflow.getHandle(id).describe();
      while ((await client.temporal.workflow.getHandle(id).describe()).runId === runId) {
        await client.pause(id);
        await client.resume(id);
      }
      await client.retry(id, { step: 'b' });
    },
  },
  'reset-downstream': {
    changes: failsFirst(),
    steps: [step('a'), step('b', { needs: ['a'] }), step('c', { needs: ['b'] })],
    async act(client, id) {
      await parked(client, id);
      await client.retry(id, { step: 'a', env: { A: 'new' }, resetDownstream: true, requestId: 'once' });
    },
  },
  extended: {
    changes: {
      waitStep: ({ launch }) => (launch.attempt === 1 ? untilCancelled() : Promise.resolve(ended)),
    },
    steps: [step('a', { timeout: '2s' })],
    async act(client, id) {
      await running(client, id, 'a');
      await client.extendTimeout(id, { step: 'a', by: '1s', reason: 'slow' });
      await parked(client, id);
      await client.retry(id, { step: 'a' });
    },
  },
  notified: {
    changes: {
      ...failsFirst(),
      admitPlan: async () => ({
        problems: [],
        searchAttributes: [],
        notify: { events: ['parked', 'provisioned'], channels: ['command', 'url'] },
      }),
    },
    steps: [step('a'), step('b')],
    options: { name: 'web', fleet: 'eu', labels: { tier: 'front' } },
    async act(client, id) {
      await parked(client, id);
      await client.retry(id, { step: 'b' });
    },
  },
  adopted: {
    changes: {
      ...foundOn(script),
      surveyLaunches: async () => [
        { launch, state: { kind: 'exited', code: 0, endedAtMs: 5, elapsedMs: 2, logBytes: 0 } },
      ],
    },
    steps: scriptSteps,
  },
  watched: {
    changes: showing({ script }, { script: { ...script, alive: false, phase: 'provisioned' }, sentinel: '' }),
    watch: {},
  },
  'watched-in-vain': { changes: showing({}), watch: { timeout: '1s' } },
  'watched-and-taken-over': {
    changes: { ...showing({ script }, gaveUpOnA), ...foundOn({ ...script, alive: false }) },
    watch: {},
    async act(client, id) {
      await parked(client, id);
      await client.retry(id, { step: 'a' });
    },
  },
  'watched-and-aborted': {
    changes: showing({ script }),
    watch: {},
    async act(client, id) {
      await poll(async () => (await client.status(id)).phase === 'steps', `${id} follows the steps`);
      await client.abort(id, { reason: 'enough' });
    },
  },
  'watched-and-continued-as-new': {
    changes: {
      ...showing({ script }, gaveUpOnA),
      ...foundOn({ ...script, alive: false }),
      ...failsFirst(),
    },
    watch: {},
    async act(client, id) {
      await parked(client, id);
      await client.retry(id, { step: 'a' });
      await poll(async () => (await client.status(id)).steps[1]?.state === 'parked', 'b of it is parked');
      const { runId } = await client.temporal.workflow.getHandle(id).describe();
      while ((await client.temporal.workflow.getHandle(id).describe()).runId === runId) {
        await client.pause(id);
        await client.resume(id);
      }
      await client.retry(id, { step: 'b' });
    },
  },
};
