import { describe, expect, it, test } from 'vitest';
import { adviceIn, adviceStates, fitAdvice, type AdviceState } from '../../../src/domain/run/advice.ts';
import { failureCodes, type FailureCode } from '../../../src/domain/run/failure.ts';
import type { PartStatus, RunStatus } from '../../../src/domain/run/status.ts';
import { makeStatus } from '../../cli/make-status.ts';

const codes = Object.keys(failureCodes) as FailureCode[];
const general = (code: FailureCode) => ({ code, advice: failureCodes[code].advice });
/** What fits no run that is over. */
const OF_OPEN_RUNS =
  /\b(retry|retryStep|skip|skipStep|extendTimeout|resume|by itself|keeps asking|abort the run|or wait)\b/;
const OF_RUNS_THAT_ARE_OVER = /start the run again/;
const isOver = (state: AdviceState) => ['over', 'closed', 'terminated'].includes(state);

describe('C11, C12: the advice of every failure in every state of a run', () => {
  const table = codes.flatMap((code) => adviceStates.map((state) => [code, state] as const));

  test.each(table)('%s, %s: it names only what is possible then', (code, state) => {
    const advice = adviceIn(state, general(code));
    if (isOver(state)) expect(advice).not.toMatch(OF_OPEN_RUNS);
    else expect(advice).not.toMatch(OF_RUNS_THAT_ARE_OVER);
    if (state === 'asking' || state === 'failed') expect(advice).not.toMatch(/\b(retry|skip)\b/);
    if (state === 'closed') expect(advice).not.toMatch(/\battach/i);
    // It is a text of whole sentences.
    expect(advice).toMatch(/^([A-Z`]|zmx ).*\.$/);
    expect(advice).not.toMatch(/\.\.|undefined|\s{2}/);
  });

  test.each(codes)('%s: it fits the present state, whatever state it was written for', (code) => {
    for (const from of adviceStates) {
      for (const to of adviceStates) {
        const made = adviceIn(from, general(code));
        expect(adviceIn(to, { code, advice: made })).toBe(adviceIn(to, general(code)));
      }
    }
  });

  it('keeps the advice that came from the host, but names no session once they are closed', () => {
    const failure = { code: 'step-failed', advice: 'Look around with: `x attach y`.' } as const;
    expect(adviceIn('parked', failure)).toBe('Look around with: `x attach y`. Then retry or skip the step.');
    expect(adviceIn('over', failure)).toBe('Look around with: `x attach y`. Then start the run again.');
    expect(adviceIn('closed', failure)).toBe(
      'Read the log of the step, and fix the cause. Then start the run again.',
    );
  });
});

describe('the advice in a status', () => {
  const failure = { message: 'exit 3', ...general('step-failed') };
  const adviceOf = (state: PartStatus['state'], changes: Partial<RunStatus>, facts = {}) => {
    const status = makeStatus({ steps: [{ name: 'a', state, attempt: 1, failure }], ...changes });
    fitAdvice(status, facts);
    return status.steps[0]?.failure?.advice.replace(`${failure.advice} `, '');
  };

  test.each<[string, PartStatus['state'], Partial<RunStatus>, object, string]>([
    ['parked', 'parked', {}, {}, 'Then retry or skip the step.'],
    ['parked and paused', 'parked', { paused: true }, {}, 'Then retry or skip the step, and resume the run.'],
    ['about to be tried again', 'retrying', {}, {}, 'The next attempt starts by itself.'],
    ['failed while others run', 'failed', {}, {}, 'Then, once this run is over, start another.'],
    ['over', 'failed', { endedAtMs: 9, phase: 'failed' }, {}, 'Then start the run again.'],
    ['aborted', 'failed', { endedAtMs: 9, phase: 'aborted' }, {}, 'Then start the run again.'],
    [
      'terminated',
      'parked',
      {},
      { terminated: true },
      'The server ended this run, so nothing waits for an action: start the run again.',
    ],
  ])('of a part that is %s fits', (_, state, changes, facts, expected) => {
    expect(adviceOf(state, changes, facts)).toBe(expected);
  });
});
