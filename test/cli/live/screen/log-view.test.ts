import { describe, expect, test } from 'vitest';
import {
  addToLog,
  logRows,
  nextRequest,
  openLog,
  scrollLog,
} from '../../../../src/cli/live/screen/log-view.ts';
import type { LogRead } from '../../../../src/cli/live/live-runs.ts';
import type { LogView } from '../../../../src/cli/live/screen/model.ts';

const COLUMNS = 40;
const HEIGHT = 10;
const part = { run: 'r', step: 's', finalizer: false, attempt: 1 };

/** A log on a host, each line of which is 10 bytes. */
function makeHost(lines: number) {
  let text = Array.from({ length: lines }, (_, i) => `${String(i).padStart(9, '0')}\n`).join('');
  return {
    print: (more: string) => (text += more),
    answer(log: LogView, over = false): LogView {
      const request = nextRequest(log, COLUMNS, HEIGHT);
      if (!request) return log;
      const size = text.length;
      const offset = request.offset < 0 ? Math.max(0, size + request.offset) : request.offset;
      const nextOffset = Math.min(size, offset + request.maxBytes);
      const read: LogRead = {
        where: request.where,
        piece: { offset, nextOffset, text: text.slice(offset, nextOffset) },
        size,
        complete: over && nextOffset === size,
        cut: false,
      };
      return addToLog(log, read, COLUMNS, HEIGHT);
    },
  };
}

/** What the window shows: the first and the last of its lines. */
function seen(log: LogView): [string, string] {
  const rows = logRows(log, COLUMNS);
  const end = rows.length - log.below;
  return [rows[Math.max(0, end - HEIGHT)] ?? '', rows[end - 1] ?? ''];
}

const scroll = (log: LogView, rows: number) => scrollLog(log, rows, COLUMNS, HEIGHT);

test('shows the end, and then new output', () => {
  const host = makeHost(100_000);
  let log = host.answer(openLog(part, 1));
  expect(seen(log)).toEqual(['000099990', '000099999']);
  expect(nextRequest(log, COLUMNS, HEIGHT)).toMatchObject({ where: 'later', followS: 5 });
  host.print('new\n');
  log = host.answer(log, true);
  expect(seen(log)).toEqual(['000099991', 'new']);
  expect(nextRequest(log, COLUMNS, HEIGHT)).toBeUndefined();
});

test('goes back to the very first line of a long log, holding no more than a part of it', () => {
  const host = makeHost(50_000);
  let log = host.answer(openLog(part, 1));
  let last = 50_000;
  while (seen(log)[0] !== '000000000') {
    log = host.answer(scroll(log, -1000));
    const first = Number(seen(log)[0]);
    // Neither is a line left out nor the window moved by what is read.
    expect(first).toBeLessThan(last);
    last = first;
    expect(Number(seen(log)[1])).toBe(first + HEIGHT - 1);
    expect(log.pieces.reduce((sum, { text }) => sum + text.length, 0)).toBeLessThanOrEqual(256 * 1024);
  }
  expect(log.pieces[0]?.offset).toBe(0);
  // What is behind is read again on the way forth.
  while (!log.following) log = host.answer(scroll(log, 1000));
  expect(seen(host.answer(log, true))[1]).toBe('000049999');
});

test('stays at the same rows while more is printed', () => {
  const host = makeHost(200);
  const log = scroll(host.answer(openLog(part, 1)), -50);
  host.print('new\n');
  expect(log.following).toBe(false);
  expect(seen(host.answer(log))).toEqual(['000000140', '000000149']);
});

test('begins at the start on request', () => {
  const log = makeHost(100_000).answer(openLog(part, 1, 'start'));
  expect(seen(log)).toEqual(['000000000', '000000009']);
  expect(nextRequest(log, COLUMNS, HEIGHT)).toBeUndefined();
});

test('a character that was cut is read again, not lost', () => {
  const log = scroll(makeHost(100_000).answer(openLog(part, 1)), -100_000);
  const begin = log.pieces[0]?.offset ?? 0;
  const piece = { offset: begin - 100, nextOffset: begin - 2, text: 'x'.repeat(98) };
  const read = { where: 'earlier', piece, size: log.size, complete: false, cut: false } as const;
  const after = addToLog(log, read, COLUMNS, HEIGHT);
  expect(after.pieces).toEqual([piece]);
  expect(nextRequest({ ...after, pieces: [{ ...piece, offset: 0 }] }, COLUMNS, HEIGHT)).toMatchObject({
    where: 'later',
    offset: begin - 2,
  });
});

test('a short log is followed whatever is scrolled', () => {
  const log = makeHost(3).answer(openLog(part, 1));
  expect(scroll(scroll(log, -5), 1).following).toBe(true);
});

describe('rows', () => {
  test.each([
    ['long lines are wrapped', 'abcdef', ['abcd', 'ef']],
    ['what was written over is not shown', '10%\r20%\r30%\n', ['30%']],
    ['what ends in a carriage return is', 'a\r\n30%\r', ['a', '30%']],
    ['escape sequences are dropped', '\u001b[2Ja\u001b]0;x\u0007b', ['ab']],
    ['a tab goes to the next stop', 'a\tb', ['a   ', '    ', 'b']],
    ['empty lines are kept', 'a\n\nb\n', ['a', '', 'b']],
    ['nothing is no row', '', []],
  ])('%s', (_what, text, rows) => {
    expect(logRows({ pieces: [{ offset: 0, nextOffset: text.length, text }] }, 4)).toEqual(rows);
  });
});
