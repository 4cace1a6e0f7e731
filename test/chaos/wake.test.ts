import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { wakeRun } from '../../chaos/wake.ts';
import type { ChandlerClient } from '../../src/client.ts';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

const kinds = [
  'workflowTaskScheduled',
  'workflowTaskCompleted',
  'workflowExecutionUnpaused',
  'timerFired',
] as const;
const eventsOf = (...names: readonly string[]) =>
  names.map((name, i) => ({ eventId: i + 1, [`${name}EventAttributes`]: {} }));
const byPause = {
  eventId: 9,
  workflowTaskFailedEventAttributes: { cause: 'PAUSE_REQUESTED_BEFORE_TASK_STARTED' },
};

interface Server {
  readonly status?: string;
  readonly pendingWorkflowTask?: object;
  readonly failedTask?: { readonly reason: string };
  /** One history for each look. */
  readonly histories: readonly (readonly object[])[];
}

async function wake({ status = 'RUNNING', pendingWorkflowTask, failedTask, histories }: Server) {
  const sent: unknown[] = [];
  let looks = 0;
  const handle = {
    describe: async () => ({ status: { name: status }, runId: 'r', raw: { pendingWorkflowTask } }),
    fetchHistory: async () => ({ events: histories[looks++] ?? histories.at(-1) }),
    signal: async (...words: unknown[]) => void sent.push(words),
  };
  const client = {
    describe: async () => ({ failedTask }),
    temporal: {
      options: { namespace: 'n' },
      workflow: { getHandle: () => handle },
      workflowService: {
        resetWorkflowExecution: async (asked: { workflowTaskFinishEventId: unknown }) =>
          void sent.push(asked.workflowTaskFinishEventId),
      },
    },
  } as unknown as ChandlerClient;
  const woken = wakeRun(client, 'run');
  await vi.advanceTimersByTimeAsync(5_000);
  return [await woken, sent];
}

const hanging = { histories: [eventsOf(...kinds)] };
const unreadable = (event: number) => ({
  reason: `Fatal error in workflow machines: WorkflowTaskMachine in state Scheduled says the transition is invalid during event EventInfo { event_id: ${event}, event_type: WorkflowTaskFailed }`,
});
const failing = {
  failedTask: unreadable(9),
  pendingWorkflowTask: {},
  histories: [[...eventsOf(...kinds), byPause]],
};

test('a run whose task cannot be read after a pause is reset to its last good task', async () => {
  expect(await wake(failing)).toEqual(['reset', [2]]);
});

test('a run without a task for its latest events after a pause gets a signal that it refuses', async () => {
  expect(await wake(hanging)).toEqual(['signal', [['extendTimeout', { step: 'no-such-step', by: 1 }]]]);
});

test.each<[string, Server]>([
  ['is over', { ...hanging, status: 'TERMINATED' }],
  ['is paused', { ...failing, status: 'PAUSED' }],
  ['was never paused', { histories: [eventsOf(...kinds.filter((kind) => !kind.includes('Unpaused')))] }],
  ['fails, but not by a pause', { ...failing, histories: [eventsOf(...kinds)] }],
  ['fails at another event', { ...failing, failedTask: unreadable(7) }],
  [
    'fails by its workflow, after a pause',
    { ...failing, failedTask: { reason: '[TMPRL1100] Nondeterminism error: no such activity' } },
  ],
  [
    'had a task after the pause',
    { histories: [eventsOf(...kinds.slice(2, 3), ...kinds.slice(0, 2), 'timerFired')] },
  ],
  ['has a task', { ...hanging, pendingWorkflowTask: {} }],
  [
    'has handled its latest events',
    { histories: [eventsOf('workflowExecutionUnpaused', 'timerFired', 'workflowTaskCompleted')] },
  ],
  ['goes on meanwhile', { histories: [eventsOf(...kinds), eventsOf(...kinds, 'timerFired')] }],
])('nothing is done to a run that %s', async (_, server) => {
  expect(await wake(server)).toEqual([undefined, []]);
});
