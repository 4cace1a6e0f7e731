import type { Client } from '@temporalio/client';
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { askRun } from '../../src/client/ask-run.ts';
import { ADVANCED_BY_QUERY, overMark } from '../../src/workflows/sdk/fail-after-query.ts';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

/** A client of which each question gets the next of the answers; when they run out, none. */
function fakeClient(...answers: readonly (() => Promise<string>)[]) {
  const asked: string[] = [];
  let given: AbortSignal | undefined;
  const described: { runId: string; closeTime?: Date } = { runId: 'r' };
  const query = (...words: string[]) =>
    answers[asked.push(`${Date.now() - began} ${words.join(' ')}`) - 1]?.() ??
    new Promise<string>(() => undefined);
  const began = Date.now();
  const client = {
    workflow: {
      getHandle: (_: string, pinned = 'r') => ({
        query: (...words: string[]) => query(...words, ...(pinned === 'r' ? [] : [`of ${pinned}`])),
        describe: async () => described,
      }),
    },
    withAbortSignal: (signal: AbortSignal, ask: () => Promise<unknown>) => {
      given = signal;
      // As the SDK does for each request. It removes none.
      signal.addEventListener('abort', () => undefined);
      return ask();
    },
  } as unknown as Client;
  return { client, asked, described, isWithdrawn: () => given?.aborted };
}

const answer = (text: string) => () => Promise.resolve(text);
const refusal = (text: string) => () => Promise.reject(new Error(text));
const silence = () => new Promise<string>(() => undefined);

test('a run that answers is asked once', async () => {
  const { client, asked, isWithdrawn } = fakeClient(answer('here'));
  expect(await askRun(client, 'x', 'status')).toBe('here');
  await vi.advanceTimersByTimeAsync(60_000);
  expect(asked).toEqual(['0 status']);
  expect(isWithdrawn()).toBe(true);
});

test('a query without an answer is sent again, and the others are withdrawn once one is answered', async () => {
  const { client, asked, isWithdrawn } = fakeClient(silence, silence, answer('here'));
  const answered = askRun(client, 'x', 'status');
  await vi.advanceTimersByTimeAsync(2999);
  expect(isWithdrawn()).toBe(false);
  await vi.advanceTimersByTimeAsync(1);
  expect(await answered).toBe('here');
  expect(asked).toEqual(['0 status', '1500 status', '3000 status']);
  expect(isWithdrawn()).toBe(true);
});

test('no query is repeated for ever', async () => {
  const { client, asked } = fakeClient();
  void askRun(client, 'x', 'status');
  await vi.advanceTimersByTimeAsync(600_000);
  expect(asked).toHaveLength(4);
});

test('the first refusal counts', async () => {
  const { client, asked } = fakeClient(refusal('no such query'), answer('here'));
  await expect(askRun(client, 'x', 'status')).rejects.toThrow('no such query');
  expect(asked).toHaveLength(1);
});

test('a run whose state a query would advance is asked again for 30 seconds', async () => {
  const behind = refusal(`it says: ${ADVANCED_BY_QUERY}`);
  const { client, asked } = fakeClient(behind, behind, answer('here'));
  const answered = askRun(client, 'x', 'status');
  await vi.advanceTimersByTimeAsync(3000);
  expect(await answered).toBe('here');
  expect(asked).toEqual(['0 status', '1500 status', '3000 status']);
  const stuck = fakeClient(...Array.from({ length: 100 }, () => behind));
  const warn = vi.spyOn(process, 'emitWarning');
  onTestFinished(() => warn.mockRestore());
  const asking = Promise.allSettled([askRun(stuck.client, 'x', 'status')]);
  await vi.advanceTimersByTimeAsync(40_000);
  expect(await asking).toMatchObject([{ reason: { message: `it says: ${ADVANCED_BY_QUERY}` } }]);
  expect(stuck.asked).toHaveLength(21);
  expect(warn).not.toHaveBeenCalled();
});

test('a run that was terminated before it handled its latest events is asked for its state before them', async () => {
  const behind = refusal(ADVANCED_BY_QUERY);
  const { client, asked, described } = fakeClient(behind, answer('here'));
  Object.assign(described, { runId: 'old', closeTime: new Date() });
  expect(await askRun(client, 'x', 'status')).toBe('here');
  expect(asked).toEqual(['0 status', `0 status ${overMark('old')} of old`]);
});

test('a worker that answers no such question is asked for 30 seconds', async () => {
  const { client, asked, described } = fakeClient(
    ...Array.from({ length: 100 }, () => refusal(ADVANCED_BY_QUERY)),
  );
  Object.assign(described, { runId: 'old', closeTime: new Date() });
  const asking = Promise.allSettled([askRun(client, 'x', 'status')]);
  await vi.advanceTimersByTimeAsync(40_000);
  expect(await asking).toMatchObject([{ reason: { message: ADVANCED_BY_QUERY } }]);
  expect(asked).toHaveLength(22);
});

test('a run whose workflow task has failed is asked again for 3 seconds', async () => {
  const inFailedState = () =>
    Promise.reject(
      new Error('Failed to query Workflow', {
        cause: new Error(
          '9 FAILED_PRECONDITION: Unable to query workflow due to Workflow Task in failed state.',
        ),
      }),
    );
  const { client } = fakeClient(inFailedState, answer('here'));
  const answered = askRun(client, 'x', 'status');
  await vi.advanceTimersByTimeAsync(1500);
  expect(await answered).toBe('here');
  const stuck = fakeClient(...Array.from({ length: 100 }, () => inFailedState));
  const asking = Promise.allSettled([askRun(stuck.client, 'x', 'status')]);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(await asking).toMatchObject([{ reason: { message: 'Failed to query Workflow' } }]);
  expect(stuck.asked).toHaveLength(3);
});

test('a run that has answered is not asked again, whatever another question returns later', async () => {
  let fail: (error: Error) => void = () => undefined;
  const late = () => new Promise<string>((_, reject) => (fail = reject));
  const { client, asked } = fakeClient(late, answer('here'));
  const answered = askRun(client, 'x', 'status');
  await vi.advanceTimersByTimeAsync(1500);
  expect(await answered).toBe('here');
  fail(new Error(ADVANCED_BY_QUERY));
  await vi.advanceTimersByTimeAsync(60_000);
  expect(asked).toHaveLength(2);
});
