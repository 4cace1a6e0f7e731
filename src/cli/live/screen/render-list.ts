import { formatDuration } from '../../../domain/text/duration.ts';
import { oneLine } from '../../../domain/text/plain-text.ts';
import type { Paint } from '../../output/paint.ts';
import { cut, pad, widthOf, wrapIndented, wrapWords } from '../../output/text.ts';
import { describeTrouble, describeWait } from '../../output/describe-trouble.ts';
import { fitBlocks, type Block } from './fit-blocks.ts';
import { layoutOf, visibleRuns } from './layout.ts';
import { isOver, type RunView } from '../live-runs.ts';
import type { State } from './model.ts';
import { nowOf } from './titles.ts';
import { renderSteps } from './render-run.ts';
import {
  needsPerson,
  partsNeedingPerson,
  selectedRun,
  shownParts,
  shownRuns,
  standing,
  summarize,
  type Standing,
} from './selection.ts';

/** Renders the runs and, if there is room, the steps of the run under the cursor. */
export function renderList(state: State, paint: Paint): string[] {
  const { columns } = state.size;
  const runs = visibleRuns(state);
  if (runs.length === 0) return wrapIndented(`  ${whyEmpty(state)}`, columns, '  ');
  const selected = selectedRun(state);
  const { body, list } = layoutOf(state);
  const { head, rows } = renderRunRows(runs, selected, state, paint);
  const height = list < body - 1 ? Math.min(rows.flat().length, Math.floor(body / 2)) : list;
  const table = [head, ...fitBlocks(rows, selected ? runs.indexOf(selected) : 0, height)];
  const below = body - table.length - 2;
  if (below < 2 || !selected) return table;
  const left = shownRuns(state).length - runs.length;
  const more = left > 0 ? `  … and ${left} more runs` : '';
  return [...table, paint('dim', cut(more, columns)), ...renderSteps(state, selected, below + 1, paint)];
}

/** A note that would have fewer columns is shown below its run. */
const MIN_NOTE = 24;
const INDENT = '    ';
const TIME_WIDTH = '59 min 59 s'.length;

interface Cells {
  readonly id: string;
  readonly stands: Standing;
  readonly sum: string;
  readonly time: string;
  readonly note: string;
  readonly isSelected: boolean;
}

/** Renders a head and the lines of each run. The note of the run under the cursor is never cut. */
function renderRunRows(
  runs: readonly RunView[],
  selected: RunView | undefined,
  state: State,
  paint: Paint,
): { readonly head: string; readonly rows: readonly Block[] } {
  const { columns } = state.size;
  const cells = runs.map((run): Cells => ({
    id: oneLine(run.info.id),
    stands: standing(run),
    sum: run.status ? summarize(run.status) : '',
    time: formatDuration(nowOf(run, state) - run.info.startedAtMs),
    note: noteOn(run, state.nowMs),
    isSelected: run === selected,
  }));
  const widest = (least: number, text: (cell: Cells) => string) =>
    Math.max(least, ...cells.map((cell) => widthOf(text(cell))));
  const widths = {
    id: widest(3, ({ id }) => id),
    word: widest(5, ({ stands }) => stands.word),
    sum: widest(5, ({ sum }) => sum),
  };
  const [begin, word, end] = wideRow(
    { id: 'RUN', mark: ' ', word: 'STATE', sum: 'STEPS', time: 'TIME' },
    widths,
  );
  const head = `  ${begin}${word}${end}`;
  const isNarrow = widthOf(head.trimEnd()) + TIME_WIDTH - 'TIME'.length > columns;
  return {
    head: paint('dim', cut(isNarrow ? '  RUNS' : head.trimEnd(), columns)),
    rows: cells.map((cell) =>
      isNarrow ? renderNarrowRun(cell, columns, paint) : renderWideRun(cell, widths, columns, paint),
    ),
  };
}

type Widths = Readonly<Record<'id' | 'word' | 'sum', number>>;

function wideRow(
  { id, mark, word, sum, time }: Record<'id' | 'mark' | 'word' | 'sum' | 'time', string>,
  widths: Widths,
): readonly [begin: string, word: string, end: string] {
  return [
    `${pad(id, widths.id)}  ${mark} `,
    pad(word, widths.word),
    `  ${pad(sum, widths.sum)}  ${pad(time, TIME_WIDTH)}  `,
  ];
}

function renderWideRun(cells: Cells, widths: Widths, columns: number, paint: Paint): Block {
  const { stands, note, isSelected } = cells;
  const [begin, word, end] = wideRow({ ...cells, mark: stands.mark, word: stands.word }, widths);
  const cursor = isSelected ? '> ' : '  ';
  const fixed = widthOf(`${cursor}${begin}${word}${end}`);
  const line = `${cursor}${begin}${paint(stands.style, word)}${end}`;
  const room = columns - fixed;
  if (room < MIN_NOTE && widthOf(note) > room) return [line.trimEnd(), ...renderNote(cells, columns, paint)];
  const [first = '', ...others] = fitNote(cells, room);
  return [
    `${line}${paint('dim', first)}`.trimEnd(),
    ...others.map((more) => `${' '.repeat(fixed)}${paint('dim', more)}`),
  ];
}

/** Renders the id on its own line, so that it is never cut. */
function renderNarrowRun(cells: Cells, columns: number, paint: Paint): Block {
  const { id, stands, sum, time, isSelected } = cells;
  const margin = columns < MIN_NOTE ? '' : INDENT;
  const words = [`${stands.mark} ${stands.word}`, ...(sum === '' ? [] : [sum]), time].join(' · ');
  return [
    ...wrapIndented(`${isSelected ? '> ' : '  '}${id}`, columns, INDENT),
    ...wrapIndented(`${margin}${words}`, columns, margin).map((line) => paint(stands.style, line)),
    ...renderNote(cells, columns, paint),
  ];
}

function renderNote(cells: Cells, columns: number, paint: Paint): string[] {
  const margin = columns < MIN_NOTE ? '' : INDENT;
  return fitNote(cells, columns - margin.length).map((line) => `${margin}${paint('dim', line)}`);
}

function fitNote({ note, isSelected }: Cells, columns: number): string[] {
  if (note === '') return [];
  return isSelected ? wrapWords(note, columns) : [cut(note, columns)];
}

function noteOn(run: RunView, nowMs: number): string {
  if (run.status?.trouble && !isOver(run)) return describeTrouble(run.status.trouble);
  const wait = run.status && !isOver(run) ? describeWait(run.status, nowMs) : undefined;
  if (wait !== undefined) return wait;
  const [parked] = needsPerson(run) ? partsNeedingPerson(run) : [];
  if (parked) return `${parked.name}: ${parked.lastLine}`;
  const failure =
    run.result && 'failure' in run.result
      ? run.result.failure
      : isOver(run)
        ? run.status?.failure
        : undefined;
  if (failure) return oneLine(failure.message);
  return shownParts(run)
    .filter(({ part }) => part.state === 'running' || part.state === 'retrying')
    .map(({ name, lastLine }) => (lastLine === '' ? name : `${name}: ${lastLine}`))
    .join(' · ');
}

function whyEmpty({ listed, filter, runs }: State): string {
  if (!listed) return 'Asking the server …';
  return runs.length > 0 ? `No run matches "${filter}"` : 'No runs yet. Matching runs appear here.';
}
