import { describe, expect, test } from 'vitest';
import { exitCodes } from '../../../../src/cli/exit-codes.ts';
import {
  selectedPart,
  selectedRun,
  shownRuns,
  standing,
  summarize,
} from '../../../../src/cli/live/screen/selection.ts';
import { update } from '../../../../src/cli/live/screen/update.ts';
import { makeStatus } from '../../make-status.ts';
import { listed, makeInfo, makeState, NOW_MS, parkedRun, press, told } from '../make-state.ts';

const act = (name: string, run: string, input: object = {}) => [
  { kind: 'act', request: { run, name, input } },
];

describe('keys', () => {
  test.each([
    [
      'retries only when the question is answered with y',
      'ry',
      act('retryStep', 'web1', { step: 'network' }),
    ],
    ['does nothing when it is answered with n', 'rn', []],
    ['does nothing when it is answered with Esc', 'r[escape]', []],
    ['takes Enter for no answer', 'r[enter]', []],
    [
      'skips with a reason, after a question',
      'sby hand[enter]y',
      act('skipStep', 'web1', { step: 'network', reason: 'by hand' }),
    ],
    [
      'keeps what was mistyped out of the reason',
      'sab[backspace][ctrl-u]日本[enter]y',
      act('skipStep', 'web1', { step: 'network', reason: '日本' }),
    ],
    ['aborts with a reason, after a question', 'xenough[enter]y', act('abort', 'web1', { reason: 'enough' })],
    ['aborts nothing without the y', 'xenough[enter]n', []],
    ['takes a pasted text for no answer', 's[paste-start]a[enter]y[paste-end]', []],
    ['takes a pasted text for no keys', '[paste-start]pq[paste-end]', []],
    ['pauses at once', 'p', act('pause', 'web1')],
    ['gives more time', 'e30m[enter]', act('extendTimeout', 'web1', { step: 'network', by: '30m' })],
    ['gives no time that is none', 'esoon[enter]', []],
    ['attaches to the step under the cursor', 'a', [{ kind: 'attach', run: 'web1', step: 'network' }]],
    ['attaches to no step that has not started', '[end]a', []],
    ['asks for the address', 'o', [{ kind: 'show-url', run: 'web1' }]],
    ['leaves', 'q', [{ kind: 'leave', exitCode: 0 }]],
    ['leaves as interrupted', '[ctrl-c]', [{ kind: 'leave', exitCode: exitCodes.interrupted }]],
    ['leaves out of a question, too', 'r[ctrl-c]', [{ kind: 'leave', exitCode: exitCodes.interrupted }]],
    ['writes a q where a text is asked for', 'sq', []],
    ['stops', '[ctrl-z]', [{ kind: 'suspend' }]],
    ['draws anew', '[ctrl-l]', [{ kind: 'redraw' }]],
    ['does nothing behind the help', '?p', []],
  ])('%s', (_what, keys, effects) => expect(press(parkedRun(), keys).effects).toEqual(effects));

  test.each([
    ['retries nothing that is not parked', '[down]r', 'packages is still running: there is nothing to retry'],
    ['says what was not done', 'rn', 'Nothing was done'],
    ['does not open a log that is not there', '[end]l', 'site (finalizer) has not started yet'],
    ['has a finalizer without a session', '[end]a', 'A finalizer has no session to attach to'],
    [
      'knows what is no time',
      'esoon[enter]',
      '"soon" is not a duration such as 90s, 30m or 2h. Nothing was done',
    ],
    ['goes nowhere from the only run', '[escape]', 'q leaves; the run continues'],
  ])('%s', (_what, keys, text) => expect(press(parkedRun(), keys).state.message?.text).toBe(text));

  test('in a list act on the step that waits, or report that none does', () => {
    const state = makeState([listed(makeInfo('a'), makeInfo('b')), told('b')]);
    expect(press(state, 'ry').effects).toEqual(act('retryStep', 'b', { step: 'network' }));
    const { state: other, effects } = press(state, '[down]r');
    expect({ effects, text: other.message?.text }).toEqual({
      effects: [],
      text: 'a: no step is parked',
    });
  });

  test('do nothing to a run that is over', () => {
    const over = parkedRun();
    const state = update(over, listed(makeInfo('web1', { status: 'FAILED' }))).state;
    for (const key of ['r', 's', 'x', 'p', 'e']) {
      const { effects, state: after } = press(state, key);
      expect({ effects, text: after.message?.text }).toEqual({ effects: [], text: 'The run is over' });
    }
  });

  test('leave with the exit code of the only run once it is over', () => {
    const failure = { code: 'aborted', message: 'aborted (enough)', advice: '' } as const;
    const state = update(parkedRun(), {
      kind: 'result',
      run: 'web1',
      result: { outcome: 'aborted', failure },
    }).state;
    expect(press(state, 'q').effects).toEqual([{ kind: 'leave', exitCode: exitCodes.aborted }]);
  });

  test('move the cursor, which stays on its run when the list changes', () => {
    const runs = Array.from({ length: 200 }, (_, i) =>
      makeInfo(`r${String(i).padStart(3, '0')}`, { startedAtMs: -i }),
    );
    const state = makeState([listed(...runs)]);
    const at = (keys: string) => selectedRun(press(state, keys).state)?.info.id;
    expect([
      at(''),
      at('j'),
      at('[down][up]'),
      at('[up]'),
      at('[end]'),
      at('[pagedown]'),
      at('[end][home]'),
    ]).toEqual(['r000', 'r001', 'r000', 'r000', 'r199', 'r009', 'r000']);
    const moved = press(state, '[pagedown]').state;
    const more = update(moved, listed(makeInfo('new', { startedAtMs: 5, attention: true }), ...runs)).state;
    expect(shownRuns(more)[0]?.info.id).toBe('new');
    expect(selectedRun(more)?.info.id).toBe('r009');
  });

  test('go into a run, into a log, and back', () => {
    const state = makeState([listed(makeInfo('a'), makeInfo('web1')), told('web1')]);
    const views = [
      '',
      '[enter]',
      '[enter][enter]',
      '[enter][enter][escape]',
      '[enter][escape]',
      'l',
      'l[escape]',
    ].map((keys) => press(state, keys).state.view);
    expect(views).toEqual(['list', 'run', 'log', 'run', 'list', 'log', 'list']);
  });

  test('filter runs by their name, host and state', () => {
    const state = makeState([listed(makeInfo('a'), makeInfo('web1')), told('web1')]);
    const shown = (keys: string) => shownRuns(press(state, keys).state).map(({ info }) => info.id);
    expect([
      shown('/WEB'),
      shown('/root@web[enter]'),
      shown('/needs a'),
      shown('/nope'),
      shown('/nope[escape]'),
    ]).toEqual([['web1'], ['web1'], ['web1'], [], ['web1', 'a']]);
    expect(press(state, '/nope[enter]r').state.message?.text).toBe('There is no run yet');
    expect(shown('/nope[enter][escape]')).toHaveLength(2);
  });
});

describe('what is known of runs', () => {
  test('runs that need attention come first, then running ones, then failed ones', () => {
    const state = makeState([
      listed(
        makeInfo('done', { status: 'COMPLETED', phase: 'provisioned' }),
        makeInfo('aborted', { status: 'FAILED', phase: 'aborted' }),
        makeInfo('failed', { status: 'FAILED', phase: 'failed' }),
        makeInfo('runs'),
        makeInfo('waits', { attention: true }),
        makeInfo('silent', { startedAtMs: -1 }),
      ),
      { kind: 'silent', run: 'silent' },
    ]);
    expect(shownRuns(state).map((run) => [run.info.id, standing(run).mark, standing(run).word])).toEqual([
      ['waits', '⏸', 'needs attention'],
      ['runs', '▶', 'running: steps'],
      ['silent', '?', 'no worker answers'],
      ['failed', '✘', 'failed'],
      ['aborted', '✘', 'aborted'],
      ['done', '✔', 'provisioned'],
    ]);
  });

  test('a run that is no longer listed stays, and so does one that is over', () => {
    const state = makeState([
      listed(makeInfo('a'), makeInfo('b')),
      listed(makeInfo('b', { status: 'COMPLETED' })),
    ]);
    expect(state.runs.map(({ info }) => [info.id, info.status])).toEqual([
      ['a', 'RUNNING'],
      ['b', 'COMPLETED'],
    ]);
  });

  test('another run with the same id replaces the state of the earlier one', () => {
    const state = makeState([listed(makeInfo('a')), told('a'), listed(makeInfo('a', { startedAtMs: 7 }))]);
    expect(state.runs).toEqual([{ info: makeInfo('a', { startedAtMs: 7 }), progress: [], final: false }]);
  });

  test('a worker that answers again no longer counts as missing', () => {
    const state = makeState([listed(makeInfo('a')), { kind: 'silent', run: 'a' }, told('a')]);
    expect(state.runs[0]).not.toHaveProperty('silentSinceMs');
  });

  test('the outcome of an action is shown at once', () => {
    const status = makeStatus({ paused: true });
    const state = makeState([
      listed(makeInfo('a')),
      told('a'),
      { kind: 'accepted', request: { name: 'pause', run: 'a', input: {} }, status },
    ]);
    expect(state.runs[0]?.status?.paused).toBe(true);
    expect(state.message?.text).toBe('The run is paused; running steps continue');
    expect(press(state, 'p').effects).toEqual(act('resume', 'a'));
    expect(update(state, { kind: 'tick', nowMs: NOW_MS + 60_000 }).state.message).toBeUndefined();
  });

  test('a lost server keeps the time at which it was first missed', () => {
    const lost = { kind: 'lost', why: 'ECONNREFUSED' } as const;
    const state = makeState([lost, { kind: 'tick', nowMs: NOW_MS + 9000 }, lost]);
    expect(state.lost?.sinceMs).toBe(NOW_MS);
    expect(update(state, { kind: 'found' }).state.lost).toBeUndefined();
  });

  test('steps that wait come first, and marks sum up their states', () => {
    expect(selectedPart(parkedRun())?.step).toBe('network');
    expect(summarize(makeStatus())).toBe('1⏸ 1▶ 2·');
  });

  test('a followed log continues with the next attempt', () => {
    const steps = makeStatus().steps.map((step) =>
      step.name === 'network' ? { ...step, state: 'running' as const, attempt: 3 } : step,
    );
    const { state } = press(parkedRun(), 'l');
    expect(state.log).toMatchObject({ step: 'network', attempt: 2, opening: 1 });
    const next = update(state, told('web1', makeStatus({ steps }))).state;
    expect(next.log).toMatchObject({ step: 'network', attempt: 3, opening: 2, pieces: [] });
    const piece = { offset: 0, nextOffset: 2, text: 'a\n' };
    const read = { where: 'first', piece, size: 2, complete: false, cut: false } as const;
    expect(update(next, { kind: 'log', opening: 1, read }).state).toBe(next);
    expect(update(next, { kind: 'log', opening: 2, read }).state.log?.pieces).toEqual([piece]);
  });
});
