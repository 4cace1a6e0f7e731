import { formatDuration } from '../../domain/duration.ts';
import { oneLine } from '../../domain/terminal.ts';
import type { Paint } from '../render/paint.ts';
import { cut, pad, widthOf } from '../render/text.ts';
import { isOver, type RunView, type State } from './model.ts';
import { renderSteps } from './render-run.ts';
import {
  layoutOf,
  needsPerson,
  parkedParts,
  selectedRun,
  shownParts,
  shownRuns,
  standing,
  summarize,
  visibleRuns,
} from './select.ts';

/** `fleet web · 12 runs · 1 needs a person · 3 running · 8 over` */
export function titleOfList(state: State): string {
  const { runs, filter, more } = state;
  const waiting = runs.filter(needsPerson).length;
  const over = runs.filter(isOver).length;
  const working = runs.length - waiting - over;
  const words = [
    state.scope,
    `${runs.length}${more ? ' latest' : ''} ${runs.length === 1 ? 'run' : 'runs'}`,
    ...(waiting > 0 ? [`⏸ ${waiting} ${waiting === 1 ? 'needs' : 'need'} a person`] : []),
    ...(working > 0 ? [`${working} running`] : []),
    ...(over > 0 ? [`${over} over`] : []),
    ...(filter === '' ? [] : [`${shownRuns(state).length} with "${filter}"`]),
  ];
  return oneLine(words.join(' · '));
}

/** The runs, and the steps of the one under the cursor as far as there is room. */
export function renderList(state: State, paint: Paint): string[] {
  const { columns } = state.size;
  const runs = visibleRuns(state);
  if (runs.length === 0) return [cut(`  ${whyEmpty(state)}`, columns)];
  const selected = selectedRun(state);
  const { body, list } = layoutOf(state);
  const left = shownRuns(state).length - runs.length;
  const table = renderRunRows(runs, selected, state, paint);
  const below = body - 1 - list - 2;
  if (below < 2 || !selected) return table;
  const more = left > 0 ? `  … and ${left} more runs` : '';
  return [...table, paint('dim', cut(more, columns)), ...renderSteps(state, selected, below + 1, paint)];
}

function renderRunRows(
  runs: readonly RunView[],
  selected: RunView | undefined,
  state: State,
  paint: Paint,
): string[] {
  const { columns } = state.size;
  const cells = runs.map((run) => ({
    run,
    stands: standing(run),
    id: oneLine(run.info.id),
    sum: run.status ? summarize(run.status) : '',
    time: formatDuration(endOf(run, state.nowMs) - run.info.startedAtMs),
  }));
  const idWidth = widest(
    3,
    cells.map(({ id }) => id),
    Math.max(12, Math.floor(columns * 0.4)),
  );
  const wordWidth = widest(
    5,
    cells.map(({ stands }) => stands.word),
    30,
  );
  const sumWidth = widest(
    5,
    cells.map(({ sum }) => sum),
    24,
  );
  const row = (id: string, mark: string, word: string, sum: string, time: string) => [
    `${pad(cut(id, idWidth), idWidth)}  ${mark} `,
    pad(cut(word, wordWidth), wordWidth),
    `  ${pad(cut(sum, sumWidth), sumWidth)}  ${pad(time, 11)}  `,
  ];
  const head = row('RUN', ' ', 'STATE', 'STEPS', 'TIME').join('');
  return [
    paint('dim', cut(`  ${head}`, columns)),
    ...cells.map(({ run, stands, id, sum, time }) => {
      const [begin = '', word = '', end = ''] = row(id, stands.mark, stands.word, sum, time);
      const cursor = run === selected ? '> ' : '  ';
      const room = columns - widthOf(`${cursor}${begin}${word}${end}`);
      if (room < 0) return cut(`${cursor}${begin}${word}${end}`, columns);
      return `${cursor}${begin}${paint(stands.style, word)}${end}${paint('dim', cut(noteOn(run), room))}`.trimEnd();
    }),
  ];
}

/** What there is to know first. */
function noteOn(run: RunView): string {
  const [parked] = needsPerson(run) ? parkedParts(run) : [];
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

function endOf({ info, status }: RunView, nowMs: number): number {
  return info.endedAtMs ?? status?.endedAtMs ?? nowMs;
}

function whyEmpty({ listed, filter, runs }: State): string {
  if (!listed) return 'Asking the server …';
  return runs.length > 0 ? `No run has "${filter}" in it` : 'No run yet; what matches appears here by itself';
}

/** The width of the widest text, between two bounds. */
function widest(least: number, texts: readonly string[], most: number): number {
  return Math.min(most, Math.max(least, ...texts.map(widthOf)));
}
