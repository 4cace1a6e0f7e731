import type { Paint } from '../render/paint.ts';
import { cut } from '../render/text.ts';

const KEYS = [
  ['up down k j PgUp PgDn Home End', 'move'],
  ['Enter', 'a run: its steps; a step: its log'],
  ['Esc', 'go back; in the list, drop the filter'],
  ['l', 'the log, as it comes; PgUp shows what was before, End follows it again'],
  ['r', 'run a parked step, or its finalizer, again'],
  ['s', 'treat it as done'],
  ['x', 'abort the run: end it and everything of it that runs'],
  ['p', 'pause: start no further step; again: go on'],
  ['e', 'give a step more time before its timeout'],
  ['a', 'attach to the terminal of the step'],
  ['o', 'show the address of the run in the UI'],
  ['/', 'show only runs with a text in their name, host, plan or state'],
  ['Ctrl-L', 'draw the screen anew'],
  ['q, Ctrl-C', 'leave; runs go on'],
] as const;

const MARKS = [
  ['⏸', 'parked: waits for a person'],
  ['▶', 'running'],
  ['↻', 'failed, is tried again by itself'],
  ['✔', 'succeeded, or satisfied already'],
  ['↷', 'skipped by a person'],
  ['✘', 'failed, or killed with its run'],
  ['⊘', 'blocked by what has failed'],
  ['·', 'pending'],
  ['?', 'no worker answers for the run'],
] as const;

/** What every key does, and what every mark means. */
export function renderHelp(columns: number, paint: Paint): string[] {
  return [
    ...KEYS.map(([keys, does]) => `  ${keys.padEnd(32)}${does}`),
    '',
    ...MARKS.map(([mark, means]) => `  ${mark.padEnd(32)}${means}`),
    '',
    '  In a run without a cursor on a step, keys mean the step that waits for a person. Any key goes back.',
  ].map((line) => paint('dim', cut(line, columns)));
}
