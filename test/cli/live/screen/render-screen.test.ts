import { stripVTControlCharacters } from 'node:util';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { colored, plain } from '../../../../src/cli/output/paint.ts';
import { widthOf } from '../../../../src/cli/output/text.ts';
import type { State } from '../../../../src/cli/live/screen/model.ts';
import { callsForPerson, render } from '../../../../src/cli/live/screen/render-screen.ts';
import { update } from '../../../../src/cli/live/screen/update.ts';
import { nastyText } from '../../../support/hostile.ts';
import { makeStatus } from '../../make-status.ts';
import { listed, makeInfo, makeState, NOW_MS, parkedRun, press, told } from '../make-state.ts';

const picture = (state: State) => render(state, plain).map((line) => line.trimEnd());
const progress = [{ step: 'packages', finalizer: false, attempt: 1, lastLine: 'unpacking', logBytes: 2048 }];

test('a run shows what it needs first, its steps, and why the one under the cursor failed', () => {
  const size = { columns: 64, rows: 16 };
  const state = update(parkedRun({ size }), { kind: 'progress', run: 'web1', progress }).state;
  expect(picture(state)).toEqual([
    'web1 · demo · root@web1:22 · steps · 12 s',
    '⏸ NEEDS ATTENTION  network (attempt 2): exit 3',
    '  STEP                STATE      ATTEMPT  TIME         LAST LINE',
    '> network           ⏸ parked           2  2.5 s        exit 3',
    '  packages          ▶ running          1  11 s         unpacking',
    '  site              · pending',
    '  site (finalizer)  · pending',
    '',
    '  network · step-failed: Look around.',
    '  | asking for a lease',
    '  | no answer',
    '',
    '',
    '',
    '',
    'l log  r retry  s skip  x abort  p pause  ? help  q leave',
  ]);
  expect(picture(press(state, '[down]').state)).toContain('  packages has printed 2.0 kB');
});

test('a run shows a step that waits for input first, with its latest line, and how to answer under the cursor', () => {
  const input = { lastLine: 'Name?', attach: 'ssh -t h attach site', sinceMs: 5 };
  const status = makeStatus({
    attention: true,
    steps: [
      { name: 'other', state: 'running', attempt: 1 },
      { name: 'site', state: 'running', attempt: 1, input },
    ],
  });
  const asking = makeState([listed(makeInfo('web1')), told('web1', status)], {
    single: true,
    view: 'run',
    size: { columns: 64, rows: 16 },
  });
  const progress = [{ step: 'site', finalizer: false, attempt: 1, lastLine: 'Sure?' }];
  const lines = picture(update(asking, { kind: 'progress', run: 'web1', progress }).state);
  expect(lines[1]).toBe('⏸ NEEDS ATTENTION  site (attempt 1): waiting for input: Sure?');
  expect(lines[3]).toContain('> site   ▶ running');
  expect(lines.join('\n')).toMatch(
    / site is waiting for input: Name\? · press a to attach and\s+type, or: ssh -t h attach site/,
  );
});

test('a list shows runs with their sums, and the steps of the one under the cursor', () => {
  const state = makeState(
    [
      listed(
        makeInfo('runs'),
        makeInfo('日本', { status: 'FAILED', phase: 'failed', endedAtMs: 900 }),
        makeInfo('web1'),
      ),
      told('web1'),
      told('日本', makeStatus({ failure: { code: 'step-failed', message: 'x failed\nmore', advice: '' } })),
    ],
    { size: { columns: 80, rows: 20 } },
  );
  expect(picture(state)).toEqual([
    'all runs · 3 runs · ⏸ 1 needs attention · 1 running · 1 over',
    '  RUN     STATE                        STEPS     TIME',
    '> web1  ⏸ needs attention, others run  1⏸ 1▶ 2·  12 s         network: exit 3',
    '  runs  ▶ running: steps                         12 s',
    '  日本  ✘ failed                       1⏸ 1▶ 2·  0.9 s        x failed more',
    '',
    '  STEP                STATE      ATTEMPT  TIME         LAST LINE',
    '  network           ⏸ parked           2  2.5 s        exit 3',
    '  packages          ▶ running          1  11 s',
    '  site              · pending',
    '  site (finalizer)  · pending',
    ...Array.from({ length: 8 }, () => ''),
    'Enter open  l log  r retry  s skip  x abort  p pause  e extend  ? help  q leave',
  ]);
});

test('a log shows its name, the position, and the window on it', () => {
  const opened = press(parkedRun({ size: { columns: 60, rows: 7 } }), 'l').state;
  expect(picture(opened)[2]).toBe('  Asking the host …');
  const text = 'one\ntwo\n\u001b[31mthree\u001b[0m\nfour\n';
  const piece = { offset: 0, nextOffset: 2_500_000_000, text };
  const read = { where: 'first', piece, size: 2_500_000_000, complete: true, cut: false } as const;
  const state = update(opened, { kind: 'log', opening: 1, read }).state;
  expect(picture(state).slice(1, 5)).toEqual([
    'log of network (attempt 2) · ⏸ parked · 2.5 GB · the end',
    'two',
    'three',
    'four',
  ]);
  expect(picture(press(state, '[pageup]').state).slice(2, 5)).toEqual(['one', 'two', 'three']);
});

describe('the bottom', () => {
  test('shows a whole message over as many rows as it needs, because an address must stay copyable', () => {
    const url = `http://127.0.0.1:8233/namespaces/default/workflows/${'provision%3A10.0.0.7%3A22'.repeat(5)}`;
    const size = { columns: 80, rows: 12 };
    const before = picture(parkedRun({ size }));
    const shown = picture(update(parkedRun({ size }), { kind: 'message', text: url }).state);
    expect(shown.slice(-4, -1).join('')).toBe(url);
    expect(shown).toHaveLength(12);
    expect(shown.slice(0, 8)).toEqual(before.slice(0, 8));
    expect(shown.at(-1)).toBe(before.at(-1));
  });

  test.each([
    ['asks', 'r', '[y/n] retry network of web1?'],
    ['asks with the reason', 'sby hand[enter]', '[y/n] skip network of web1, because: by hand?'],
    ['shows what is typed, and which keys answer', 'sby', 'by_'],
    [
      'C11: asks for the reason of an abort',
      'x',
      'Reason for aborting web1 (optional). Enter: continue to confirmation · Esc: keep running _',
    ],
    [
      'asks how much more time',
      'e3',
      'How much more time for network of web1 (30m, 2h)? Enter: extend · Esc: cancel 3_',
    ],
    ['shows what was said', 'rn', 'Nothing was done'],
  ])('%s', (_what, keys, line) => {
    const bottom = picture(press(parkedRun(), keys).state).slice(-4, -1).join(' ').trim();
    expect(bottom.endsWith(line)).toBe(true);
  });
});

test('typed text is shown whole, or its end if the terminal has too little room', () => {
  const keys = `s${'x'.repeat(100)}end`;
  expect(picture(press(parkedRun(), keys).state).slice(-4, -1)).toEqual([
    '· Esc: cancel',
    'x'.repeat(80),
    `${'x'.repeat(20)}end_`,
  ]);
  const size = { columns: 80, rows: 4 };
  expect(picture(press(parkedRun({ size }), keys).state).at(-2)).toBe(
    `Reason for skipping network of web1 (op… ${'x'.repeat(35)}end_`,
  );
});

test('a lost server is announced above the last known state; on a single line a dialog comes first', () => {
  const lost = update(parkedRun(), { kind: 'lost', why: 'ECONNREFUSED' }).state;
  const later = update(lost, { kind: 'tick', nowMs: NOW_MS + 5000 }).state;
  expect(picture(later).slice(0, 2).join(' ')).toMatch(
    /^! no answer since \d\d:\d\d:\d\d \(5\.0 s\): showing what was known then; trying again \(ECONNREFUSED\)$/,
  );
  expect(picture(later)).toContain('> network           ⏸ parked           2  2.5 s        exit 3');
  const line = { columns: 40, rows: 1 };
  expect(picture(press(parkedRun({ size: line }), 'r').state)).toEqual(['[y/n] retry network of web1?']);
});

test('the bell rings for runs that begin to wait, not for those that wait when the screen is opened', () => {
  const before = makeState([listed(makeInfo('a'))]);
  const after = update(before, told('a')).state;
  expect([
    callsForPerson(before, after),
    callsForPerson(after, after),
    callsForPerson(makeState([]), after),
  ]).toEqual([true, false, false]);
});

/** Screens of every kind, with texts of a host that means no good. */
const screens = fc.record({
  nasty: nastyText,
  columns: fc.oneof(fc.integer({ min: 1, max: 130 }), fc.constant(500)),
  rows: fc.oneof(fc.integer({ min: 1, max: 50 }), fc.constant(200)),
  keys: fc.constantFrom(
    '',
    '?',
    '[enter]',
    '[enter]l',
    'l',
    'r',
    's日本語',
    'x',
    '/1',
    '[end]',
    '[pagedown]',
    '[enter][end]e',
  ),
  lost: fc.boolean(),
});

function makeScreen({
  nasty,
  columns,
  rows,
  keys,
  lost,
}: typeof screens extends fc.Arbitrary<infer T> ? T : never): State {
  const runs = Array.from({ length: 200 }, (_, i) =>
    makeInfo(`${nasty}${i}`, { plan: nasty, startedAtMs: -i }),
  );
  const [step, ...others] = makeStatus().steps;
  const failure = { code: 'step-failed', message: nasty, advice: nasty, logTail: nasty } as const;
  const status = makeStatus({
    host: nasty,
    steps: [{ ...step!, name: nasty, state: 'parked', failure }, ...others],
    auditTrail: [{ action: 'skipStep', step: nasty, reason: nasty, atMs: 1 }],
  });
  const events = [listed(...runs), ...runs.slice(0, 60).map(({ id }) => told(id, status))];
  const read = {
    where: 'first',
    piece: { offset: 0, nextOffset: 9, text: nasty },
    size: 9,
    complete: false,
    cut: false,
  } as const;
  let { state } = press(makeState(events, { size: { columns, rows } }), keys);
  state = update(state, { kind: 'log', opening: 1, read }).state;
  return lost ? update(state, { kind: 'lost', why: nasty }).state : state;
}

test('for any output of a host and any size of the terminal: as many lines as it has rows, none wider', () => {
  fc.assert(
    fc.property(screens, (screen) => {
      const state = makeScreen(screen);
      const lines = render(state, plain);
      expect(lines).toHaveLength(state.size.rows);
      const most = Math.max(2, state.size.columns);
      expect(lines.filter((line) => /\p{Cc}/u.test(line) || widthOf(line) > most)).toEqual([]);
      // Colours change nothing but colours.
      const painted = render(state, colored).map((line) => stripVTControlCharacters(line).trimEnd());
      expect(painted).toEqual(lines.map((line) => line.trimEnd()));
    }),
    { numRuns: 100 },
  );
});

test('two hundred runs are drawn quickly', () => {
  const runs = Array.from({ length: 200 }, (_, i) => makeInfo(`run-${i}`));
  const state = makeState([listed(...runs), ...runs.map(({ id }) => told(id))], {
    size: { columns: 120, rows: 60 },
  });
  const begin = process.cpuUsage();
  for (let i = 0; i < 50; i += 1) render(state, plain);
  // 50 pictures; on an idle machine this takes a fifth of a second.
  expect(process.cpuUsage(begin).user / 1e6).toBeLessThan(20);
});
