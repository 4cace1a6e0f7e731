import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { createRedrawnBlock, rowsOf } from '../../../src/cli/live/redrawn-block.ts';

const ESC = '\u001b[';
const block = (...lines: string[]) => `${ESC}?7l${lines.join('')}${ESC}?7h${ESC}?25h`;

function makeScreen(columns = 80) {
  const stdout = new PassThrough({ encoding: 'utf8' });
  const size = { columns, rows: 24 };
  const screen = createRedrawnBlock({ stdout, terminalSize: () => size });
  return { screen, size, written: () => String(stdout.read() ?? '') };
}

test('a block is drawn over the previous one', () => {
  const { screen, written } = makeScreen();
  screen.draw(['one', 'two']);
  expect(written()).toBe(`${ESC}?25l\r${ESC}J${block('one\n', 'two\n')}`);
  screen.draw(['three']);
  expect(written()).toBe(`${ESC}?25l${ESC}2A\r${ESC}J${block('three\n')}`);
});

test('after the terminal became narrower, the rows of wrapped lines are counted', () => {
  const { screen, size, written } = makeScreen();
  screen.draw(['x'.repeat(50), 'y']);
  written();
  size.columns = 20;
  screen.draw(['z']);
  expect(written()).toBe(`${ESC}?25l${ESC}4A\r${ESC}J${block('z\n')}`);
});

test('permanent lines stay above, and the block is drawn again below them', () => {
  const { screen, written } = makeScreen();
  screen.draw(['picture']);
  written();
  screen.printAbove(['news']);
  expect(written()).toBe(`${ESC}1A\r${ESC}Jnews\n${ESC}?25l\r${ESC}J${block('picture\n')}`);
});

test('a closed picture is not drawn over', () => {
  const { screen, written } = makeScreen();
  screen.draw(['picture']);
  screen.close();
  written();
  screen.printAbove(['the end']);
  expect(written()).not.toContain(`${ESC}1A`);
});

test('colours take no room', () => {
  expect(rowsOf([`${ESC}31m${'x'.repeat(20)}${ESC}39m`, ''], 20)).toBe(2);
});
