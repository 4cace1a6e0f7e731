import { actions, actionsByKey } from '../../../domain/run/actions.ts';
import type { Paint } from '../../output/paint.ts';
import { wrapIndented } from '../../output/text.ts';

const ACTION_KEYS = [...actionsByKey].map(
  ([key, names]) =>
    [key, names.map((name) => `${actions[name].command}: ${actions[name].summary}`).join('; ')] as const,
);

const KEYS = [
  ['up down k j PgUp PgDn Home End', 'move'],
  ['Enter', 'open the steps of a run, or the log of a step'],
  ['Esc', 'go back; in the list, clear the filter'],
  ['l', 'follow the log; PgUp scrolls back, End follows again'],
  ...ACTION_KEYS,
  ['a', 'attach to the terminal of the step'],
  ['o', 'show the address of the run in the UI'],
  ['/', 'show only runs with a text in their name, host, plan or state'],
  ['Ctrl-L', 'redraw the screen'],
  ['q, Ctrl-C', 'leave; runs continue'],
] as const;

const MARKS = [
  ['⏸', 'parked: needs attention'],
  ['▶', 'running'],
  ['↻', 'failed; the next attempt starts by itself'],
  ['✔', 'succeeded, or satisfied or unchanged already'],
  ['↷', 'skipped by an operator'],
  ['✘', 'failed, or killed with its run'],
  ['⊘', 'blocked by a failed step'],
  ['·', 'pending'],
  ['?', 'no worker answers for the run'],
] as const;

const KEY_WIDTH = 32;
const MIN_WIDE = 80;

export function renderHelp(columns: number, paint: Paint): string[] {
  const line = ([word, meaning]: readonly [string, string]) =>
    columns < MIN_WIDE
      ? wrapIndented(`  ${word}  ${meaning}`, columns, '      ')
      : wrapIndented(`  ${word.padEnd(KEY_WIDTH)}${meaning}`, columns, ' '.repeat(KEY_WIDTH + 2));
  return [
    ...KEYS.flatMap(line),
    '',
    ...MARKS.flatMap(line),
    '',
    ...wrapIndented(
      '  Where no step is selected, keys act on the step that needs attention. Any key goes back.',
      columns,
      '  ',
    ),
  ].map((text) => paint('dim', text));
}
