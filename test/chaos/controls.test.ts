import { expect, test, vi } from 'vitest';
import { controls } from '../../chaos/controls.ts';
import type { Strike } from '../../chaos/fault-kind.ts';

const UNAVAILABLE = 14;
const DEADLINE_EXCEEDED = 4;
const NOT_FOUND = 5;
const failWith = (code: number) => vi.fn(() => Promise.reject(Object.assign(new Error('no'), { code })));

/** Strikes a running run with one control. The server responds to it as `send` does. */
async function strike(name: string, send: () => Promise<unknown>, status = 'RUNNING', doneTasks = 1) {
  const undone = vi.fn(async () => undefined);
  const service = {
    pauseActivity: send,
    resetActivity: send,
    pauseWorkflowExecution: send,
    resetWorkflowExecution: send,
    unpauseActivity: undone,
    unpauseWorkflowExecution: undone,
  };
  const handle = {
    describe: async () => ({
      status: { name: status },
      runId: 'r',
      raw: { pendingActivities: [{ activityId: '7' }] },
    }),
    fetchHistory: async () => ({
      events: Array.from({ length: doneTasks }, () => ({
        eventId: 4,
        workflowTaskCompletedEventAttributes: {},
      })),
    }),
  };
  const temporal = {
    workflowService: service,
    options: { namespace: 'n', identity: 'i' },
    withDeadline: (_: number, ask: () => Promise<unknown>) => ask(),
    workflow: { getHandle: () => handle },
  };
  const at = { stage: { client: { temporal } }, run: 'run', salt: 0 } as unknown as Strike;
  const undo = await controls.find((kind) => kind.name === name)!.strike(at);
  await undo?.();
  return { struck: undo !== undefined, undone: undone.mock.calls.length };
}

const names = controls.map(({ name }) => name);
const undoes = (name: string) => (name.endsWith('paused') ? 1 : 0);

test.each(names)('%s strikes an open run', async (name) => {
  expect(await strike(name, async () => ({}))).toEqual({ struck: true, undone: undoes(name) });
});

test.each(names)('%s counts as a fault, and ends, if the response of the server is lost', async (name) => {
  for (const code of [UNAVAILABLE, DEADLINE_EXCEEDED])
    expect(await strike(name, failWith(code))).toEqual({ struck: true, undone: undoes(name) });
});

test.each(names)('%s is no fault if the server rejects it, or the run is over', async (name) => {
  expect(await strike(name, failWith(NOT_FOUND))).toEqual({ struck: false, undone: 0 });
  expect(await strike(name, async () => ({}), 'COMPLETED')).toEqual({ struck: false, undone: 0 });
});

test.each(['workflow paused', 'workflow reset'])('%s spares a run before its first task', async (name) => {
  expect(await strike(name, async () => ({}), 'RUNNING', 0)).toEqual({ struck: false, undone: 0 });
});
