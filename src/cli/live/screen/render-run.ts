import { describeFailedTask } from '../../output/describe-failed-task.ts';
import { describePause } from '../../../domain/run/server-pause.ts';
import { describeInput } from '../../../domain/run/status.ts';
import { oneLine, plainText } from '../../../domain/text/plain-text.ts';
import { listChanges, renderChange } from '../../output/changes.ts';
import type { Paint } from '../../output/paint.ts';
import { renderParts, type PartRow } from '../../output/render-parts.ts';
import { renderEnd } from '../../output/reports.ts';
import { cut, formatBytes, wrapIndented } from '../../output/text.ts';
import { describeTrouble, describeWait } from '../../output/describe-trouble.ts';
import { fitBlocks } from './fit-blocks.ts';
import { layoutOf } from './layout.ts';
import { isOver, type RunView } from '../live-runs.ts';
import type { State } from './model.ts';
import { partsNeedingPerson, rowKey, selectedPart, selectedRun, shownParts } from './selection.ts';
import { nowOf } from './titles.ts';

const MAX_ACTIONS = 3;
const MAX_NEEDS = 3;
/** Less room than this below the steps is useless. */
const MIN_BELOW = 3;
const INDENT = '  ';

/** Renders one run: what it needs or how it ended, its steps, and why the step under the cursor failed. */
export function renderRun(state: State, paint: Paint): string[] {
  const { columns } = state.size;
  const run = selectedRun(state);
  if (!run) return [cut('  Asking the server …', columns)];
  const { body } = layoutOf(state);
  const head = renderHead(run, state, paint).slice(0, Math.ceil(body / 2));
  const room = body - head.length;
  const row = selectedPart(state);
  const detail = row ? renderPart(row, run, columns) : [];
  const below = joinGroups([
    [...detail, ...renderTail(row, columns)],
    renderNotes(run, columns),
    renderLatestActions(run, columns),
  ]);
  // The table gets as much as it needs if that leaves room for the most important lines below.
  const least = Math.min(below.length, Math.max(MIN_BELOW, Math.min(detail.length, Math.floor(room / 2))));
  const whole = renderSteps(state, run, Infinity, paint);
  const most = below.length === 0 || room < 2 * MIN_BELOW ? room : room - least - 1;
  const steps = whole.length <= most ? whole : renderSteps(state, run, most, paint);
  return [...head, ...steps, ...(below.length > 0 ? ['', ...below] : [])];
}

function joinGroups(groups: readonly (readonly string[])[]): string[] {
  return groups.filter(({ length }) => length > 0).flatMap((group, i) => (i === 0 ? group : ['', ...group]));
}

/** Renders what must not be overlooked: what needs attention, or how the run ended. */
function renderHead(run: RunView, state: State, paint: Paint): string[] {
  const { columns } = state.size;
  const lines = (text: string) => wrapIndented(text, columns, INDENT);
  const silent =
    run.silentSinceMs === undefined || run.final
      ? []
      : [
          '? no worker answers for this run: showing its last known state',
          ...(run.info.failedTask ? describeFailedTask(run.info.failedTask).split('\n') : []),
        ]
          .flatMap(lines)
          .map((line) => paint('yellow', line));
  if (run.result) {
    const end = renderEnd(run.result, run.status).slice(0, 2);
    return [
      ...silent,
      ...end
        .map(oneLine)
        .flatMap(lines)
        .map((line) => paint('bold', line)),
    ];
  }
  if (isOver(run)) return silent;
  const pause = run.held?.pause ?? run.status?.serverPause;
  if (pause) silent.push(...lines(oneLine(`= ${describePause(pause)}`)).map((line) => paint('yellow', line)));
  const { trouble, attention = false } = run.status ?? {};
  const needs = partsNeedingPerson(run).map(({ name, part, lastLine }) => {
    const word = attention || part.state === 'parked' ? '⏸ NEEDS ATTENTION' : '▶ NO ANSWER';
    return `${word}  ${name} (attempt ${part.attempt}): ${lastLine}`;
  });
  if (trouble)
    needs.unshift(`${attention ? '⏸ NEEDS ATTENTION' : '▶ NO ANSWER'}  ${describeTrouble(trouble)}`);
  const wait = run.status && describeWait(run.status, nowOf(run, state));
  if (wait !== undefined) needs.push(`▶ ${wait}`);
  const more = needs.length > MAX_NEEDS ? [`⏸ and ${needs.length - MAX_NEEDS} more`] : [];
  return [
    ...silent,
    ...[...needs.slice(0, MAX_NEEDS), ...more].flatMap(lines).map((line) => paint('yellow', line)),
  ];
}

/**
 * Renders the head and as many parts as fit into `height` rows, around the one under the cursor. Long texts are wrapped if all
 * parts still fit then.
 */
export function renderSteps(state: State, run: RunView, height: number, paint: Paint): string[] {
  const { columns } = state.size;
  const rows = shownParts(run);
  if (rows.length === 0) {
    const silent = run.silentSinceMs !== undefined;
    const why = silent
      ? 'No worker answers for this run; start one with: chandler worker'
      : run.held
        ? 'The state of its steps is unknown while the workflow is paused.'
        : 'Asking the run …';
    return wrapIndented(`  ${why}`, columns, INDENT).map((line) => paint('dim', line));
  }
  const selected = selectedPart(state);
  const index = selected ? rows.findIndex((row) => rowKey(row) === rowKey(selected)) : 0;
  const options = {
    columns,
    nowMs: nowOf(run, state),
    paint,
    // In the list view the cursor is among the runs.
    ...(state.view === 'run' && { selected: index }),
  };
  const whole = renderParts(rows, { ...options, overflow: 'wrap-messages' });
  if (1 + whole.rows.flat().length <= height) return [whole.head, ...whole.rows.flat()];
  const short = renderParts(rows, { ...options, overflow: 'cut' });
  return [short.head, ...fitBlocks(short.rows, index, Math.max(0, height - 1))].slice(0, Math.max(1, height));
}

function renderPart({ name, part, logBytes }: PartRow, run: RunView, columns: number): string[] {
  const { trouble, failure = trouble, notes = [], input } = part;
  const lines = (text: string) => wrapIndented(`${INDENT}${oneLine(text)}`, columns, INDENT);
  const noted = notes.flatMap((note) => lines(`${name} · ${note}`));
  if (input && !failure)
    return lines(`${name} is ${describeInput(input)} · press a to attach and type, or: ${input.attach}`);
  if (!failure)
    return logBytes === undefined
      ? noted
      : [...noted, ...lines(`${name} has printed ${formatBytes(logBytes)}`)];
  // The head of an open run already shows the first line.
  const shown =
    !isOver(run) &&
    partsNeedingPerson(run)
      .slice(0, MAX_NEEDS)
      .some((row) => row.name === name);
  const message = failure.message.trimEnd().split('\n');
  const rest = shown ? message.slice(1) : message;
  return [
    ...noted,
    ...(rest.length === 0
      ? lines(`${name} · ${failure.code}: ${failure.advice}`)
      : [...lines(`${name} · ${failure.code}: ${rest.join(' ')}`), ...lines(failure.advice)]),
  ];
}

/** Renders the end of the log of the part under the cursor, cut to one line each; the whole log can be opened. */
function renderTail(row: PartRow | undefined, columns: number): string[] {
  const tail = plainText(row?.part.failure?.logTail ?? '').trimEnd();
  return tail === '' ? [] : tail.split('\n').map((line) => cut(`  | ${oneLine(line)}`, columns));
}

function renderNotes({ status }: RunView, columns: number): string[] {
  const notes = status?.notes ?? [];
  return notes.flatMap((note) => wrapIndented(`${INDENT}${oneLine(note)}`, columns, INDENT));
}

function renderLatestActions({ status }: RunView, columns: number): string[] {
  if (!status || status.auditTrail.length === 0) return [];
  const actions = listChanges({ ...status, auditTrail: [] }, status, 0).slice(-MAX_ACTIONS);
  return actions.flatMap((change) => wrapIndented(`${INDENT}${renderChange(change)}`, columns, INDENT));
}
