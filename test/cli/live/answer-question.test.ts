import { expect, test } from 'vitest';
import { answerQuestion } from '../../../src/cli/live/answer-question.ts';
import type { Question } from '../../../src/cli/live/due-questions.ts';
import { startRuns } from '../../../src/cli/live/live-runs.ts';

const DEADLINE = Object.assign(new Error('4 DEADLINE_EXCEEDED'), { code: 4, details: 'Deadline exceeded' });

const answer = (question: Question, error: Error) =>
  answerQuestion(
    { ask: () => Promise.reject(error), close: () => undefined },
    { kind: 'ids', ids: ['id'] },
    question,
    startRuns(0),
  );

test.each<Question>([{ kind: 'runs' }, { kind: 'progress', run: 'id' }, { kind: 'result', run: 'id' }])(
  'a late answer of a busy server to $kind is no failure, and no missing worker',
  async (question) => {
    expect(await answer(question, DEADLINE)).toEqual({ failed: true });
    const refused = new Error('refused');
    expect(await answer(question, refused)).toEqual({
      event: { kind: 'failed', error: refused },
      failed: true,
    });
  },
);

test('a status without an answer means that no worker answers', async () => {
  expect(await answer({ kind: 'status', run: 'id', over: false }, DEADLINE)).toEqual({
    event: { kind: 'silent', run: 'id' },
    failed: true,
  });
});
