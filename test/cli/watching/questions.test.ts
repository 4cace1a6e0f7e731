import { describe, expect, test } from 'vitest';
import type { RunView } from '../../../src/cli/watching/model.ts';
import { dueQuestions, keyOf, type Asked, type Question } from '../../../src/cli/watching/questions.ts';
import { makeStatus } from '../make-status.ts';
import { listed, makeInfo, makeState, NOW_MS, parkedRun, press } from './make-state.ts';

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

  test('runs without a worker do not take the place of others', () => {
    const silent = others.map((run, i) => (i < 150 ? { ...run, silentSinceMs: 0 } : run));
    const due = ids(dueQuestions(state, { ...interest, others: silent }, new Map()));
    expect(due.filter((key) => key !== 'runs' && Number(key.slice('status r'.length)) < 150)).toHaveLength(2);
    expect(due).toHaveLength(1 + 16 + 2);
  });

  test('nobody is asked twice at once, nor what is over, nor anything while the server is away', () => {
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

  test('what runs is asked what it says, and what is over how it ended', () => {
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
    expect(ids(dueQuestions(open, interest, asked))).toEqual(['log 2']);
    expect(ids(dueQuestions(press(open, '[escape]').state, interest, asked))).toEqual([]);
  });
});
