import type { Client, WorkflowExecutionDescription } from '@temporalio/client';
import { expect, it } from 'vitest';
import { findFailedTask } from '../../src/client/failed-task.ts';

const failed = (message?: string) => ({ workflowTaskFailedEventAttributes: { failure: { message } } });
const good = (eventId: number) => ({ eventId, workflowTaskCompletedEventAttributes: {} });
const reset =
  "temporal workflow reset --workflow-id 'a b' --event-id 4 --reason 'its task fails' --namespace n";

it.each([
  ['a task that fails', 2, [failed('broken'), good(4)], { reason: 'broken', reset }],
  [
    'the latest reason that was reported',
    9,
    [failed(), failed('b\nc'), failed('d'), good(4)],
    { reason: 'b c', reset },
  ],
  ['a run without a good task', 2, [failed('broken')], { reason: 'broken' }],
  ['a long reason', 2, [failed('x'.repeat(400))], { reason: `${'x'.repeat(299)}…` }],
  ['nothing for the first attempt', 1, [failed('broken'), good(4)], undefined],
  ['nothing for a run without a task', undefined, [failed('broken'), good(4)], undefined],
  ['nothing for a task whose worker has died', 2, [good(4), failed('earlier'), good(1)], undefined],
])('reports %s', async (_, attempt, events, expected) => {
  const temporal = {
    options: { namespace: 'n' },
    connection: {},
    workflowService: { getWorkflowExecutionHistoryReverse: async () => ({ history: { events } }) },
  } as unknown as Client;
  const raw = attempt === undefined ? {} : { pendingWorkflowTask: { attempt } };
  const described = { workflowId: 'a b', runId: 'r', raw } as unknown as WorkflowExecutionDescription;
  expect(await findFailedTask(temporal, described)).toEqual(expected);
});
