import { describe, expect, test } from 'vitest';
import type { RunStatus } from '../../../src/domain/run/status.ts';
import type { RunView } from '../../../src/cli/live/live-runs.ts';
import { dueQuestions, keyOf, type Asked, type Question } from '../../../src/cli/live/due-questions.ts';
import { makeStatus } from '../make-status.ts';
import { logQuestion } from '../../../src/cli/live/screen/log-question.ts';
import { plain } from '../../../src/cli/output/paint.ts';
import type { Event, State } from '../../../src/cli/live/screen/model.ts';
import { render } from '../../../src/cli/live/screen/render-screen.ts';
import { isLogPartOver } from '../../../src/cli/live/screen/selection.ts';
import { update } from '../../../src/cli/live/screen/update.ts';
import { listed, makeInfo, makeState, NOW_MS, parkedRun, press, told } from './make-state.ts';

const ids = (questions: readonly Question[]) => questions.map(keyOf);
const answered = (agoMs: number, changes: Partial<Asked> = {}): Asked => ({
  inFlight: false,
  answeredAtMs: NOW_MS - agoMs,
  failed: false,
  ...changes,
});
const many = Array.from({ length: 200 }, (_, i) => makeInfo(`r${i}`));
const state = makeState([listed(...many)]);
const others = state.runs;
const interest = { focus: undefined, others: [] as readonly RunView[], othersEveryMs: 1000 };

describe('dueQuestions', () => {
  test('asks at most 16 of many runs at once, those first that have waited longest', () => {
    const asked = new Map(others.map((run, i) => [`status ${run.info.id}`, answered(1000 + i)]));
    const due = ids(dueQuestions(state, { ...interest, others }, asked));
    expect(due).toEqual(['runs', ...Array.from({ length: 16 }, (_, i) => `status r${199 - i}`)]);
    const busy = new Map(
      others.slice(0, 12).map((run) => [`status ${run.info.id}`, answered(0, { inFlight: true })]),
    );
    expect(dueQuestions(state, { ...interest, others }, busy)).toHaveLength(1 + 4);
  });

  test('runs without a worker do not block others', () => {
    const silent = others.map((run, i) => (i < 150 ? { ...run, silentSinceMs: 0 } : run));
    const due = ids(dueQuestions(state, { ...interest, others: silent }, new Map()));
    expect(due.filter((key) => key !== 'runs' && Number(key.slice('status r'.length)) < 150)).toHaveLength(2);
    expect(due).toHaveLength(1 + 16 + 2);
  });

  test('no question is in flight twice, none is about a finished run, and none is asked while the server is gone', () => {
    const asked = new Map([
      ['runs', answered(0, { inFlight: true })],
      ['status r0', answered(0, { inFlight: true })],
    ]);
    const [first, second] = others;
    const some = [first, { ...second!, final: true }] as RunView[];
    expect(dueQuestions(state, { ...interest, others: some }, asked)).toEqual([]);
    const lost = { ...state, lost: { sinceMs: 0, why: '' } };
    expect(dueQuestions(lost, { ...interest, others }, new Map())).toEqual([]);
  });

  test.each([
    ['often', {}, 300, true],
    ['not all the time', {}, 299, false],
    ['less often after a failure', { failed: true }, 1999, false],
    ['again after a failure', { failed: true }, 2000, true],
  ])('the run under the cursor is asked %s', (_what, changes, agoMs, isDue) => {
    const [focus] = others;
    const asked = new Map([
      ['runs', answered(0)],
      ['status r0', answered(agoMs, changes)],
    ]);
    expect(ids(dueQuestions(state, { ...interest, focus }, asked))).toEqual(isDue ? ['status r0'] : []);
  });

  test('a running step is asked for output, a finished run for its result', () => {
    const asked = new Map([['runs', answered(0)]]);
    const focus: RunView = { info: makeInfo('a'), status: makeStatus(), progress: [], final: false };
    expect(ids(dueQuestions(state, { ...interest, focus }, asked))).toEqual(['status a', 'progress a']);
    const over = { ...focus, status: makeStatus({ endedAtMs: 5 }) };
    expect(ids(dueQuestions(state, { ...interest, focus: over }, asked))).toEqual(['status a', 'result a']);
    const result = { outcome: 'provisioned', result: { outcome: 'provisioned', host: 'h' } } as never;
    expect(ids(dueQuestions(state, { ...interest, focus: { ...over, final: true, result } }, asked))).toEqual(
      [],
    );
  });

  test('a log that is open is asked for, whatever an earlier opening waits for', () => {
    const { state: open } = press(press(parkedRun(), 'l').state, '[escape]l');
    const asked = new Map([
      ['runs', answered(0)],
      ['log 1', answered(0, { inFlight: true })],
    ]);
    expect(ids(dueQuestions(open, { ...interest, log: logQuestion(open) }, asked))).toEqual(['log 2']);
    expect(logQuestion(press(open, '[escape]').state)).toBeUndefined();
  });
});

describe('a log that cannot be read', () => {
  const open = press(parkedRun(), 'l').state;
  const failedWith = (state: State, more: Partial<Event & { kind: 'log-failed' }> = {}) =>
    update(state, { kind: 'log-failed', opening: 1, why: 'the host is away', isFinal: false, ...more }).state;
  const isAsked = (state: State, agoMs: number) =>
    ids(
      dueQuestions(
        state,
        { ...interest, log: logQuestion(state) },
        new Map([
          ['runs', answered(0)],
          ['log 1', answered(agoMs, { failed: true })],
        ]),
      ),
    ).includes('log 1');
  const textOf = (state: State) => render(state, plain).join(' ').replaceAll(/\s+/g, ' ');
  const partly = (state: RunStatus['steps'][number]['state']) =>
    told(
      'web1',
      makeStatus({
        steps: makeStatus().steps.map((step) => (step.name === 'network' ? { ...step, state } : step)),
      }),
    );

  test.each([
    [1, 2000],
    [2, 4000],
    [5, 32_000],
    [6, 60_000],
    [40, 60_000],
  ])('C6: after %i failures in a row is asked for again in %i ms', (count, ms) => {
    const state = Array.from({ length: count }).reduce<State>((before) => failedWith(before), open);
    expect([isAsked(state, ms - 1), isAsked(state, ms)]).toEqual([false, true]);
    expect(textOf(state)).toMatch(/the host is away\. Asking again in /);
  });

  test('is requested again at once after an answer', () => {
    const piece = { offset: 0, nextOffset: 0, text: '' };
    const read = { where: 'first', piece, size: 0, complete: false, cut: false } as const;
    const state = update(failedWith(failedWith(open)), { kind: 'log', opening: 1, read }).state;
    expect(state.log?.failure).toBeUndefined();
  });

  test('C6: of a launch that was never created is not requested again, and explains that', () => {
    const why = 'there is no log of network';
    const state = failedWith(open, { why, isFinal: true });
    expect(isAsked(state, 3_600_000)).toBe(false);
    expect(textOf(state)).toContain(`${why}. It is asked for again once the step is started again.`);
    expect(textOf(state)).toContain('step-failed: network on root@web1:22: exit 3');
    expect(textOf(state)).toContain('Look around.');
  });

  test.each([
    ['parked', true],
    ['failed', true],
    ['skipped', true],
    ['killed', true],
    ['running', false],
    ['retrying', false],
  ] as const)('of a step that is %s when it is asked for will not appear: %s', (word, isFinal) => {
    expect(isLogPartOver(update(open, partly(word)).state)).toBe(isFinal);
  });

  test('is asked for again as soon as a worker answers for the run', () => {
    const silent = update(open, { kind: 'silent', run: 'web1' }).state;
    expect(isAsked(silent, 3_600_000)).toBe(false);
    expect(textOf(silent)).toContain('No worker answers for this run. The log is read as soon as one does.');
    expect(isAsked(update(silent, told('web1')).state, 3_600_000)).toBe(true);
  });

  test.each([
    ['skipped', 'site is skipped and was never started'],
    ['blocked', 'site is blocked and was never started'],
    ['satisfied', 'site was never started: its check found it satisfied'],
    ['pending', 'site has not started yet'],
  ] as const)('is not opened for a step without a launch that is %s', (word, text) => {
    const steps: RunStatus['steps'] = [{ name: 'site', state: word, attempt: 0 }];
    const state = makeState([listed(makeInfo('web1')), told('web1', makeStatus({ steps }))], {
      single: true,
      view: 'run',
    });
    expect(press(state, 'l').state).toMatchObject({ view: 'run', message: { text } });
  });
});
