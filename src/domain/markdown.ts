import { boundedText } from './bounded-text.ts';
import { formatDuration } from './duration.ts';
import { describeAct } from './intervention.ts';
import { advice, block, code, prose, table, unbroken, type Column } from './markdown-text.ts';
import {
  listParts,
  type PartFailure,
  type PartState,
  type PartStatus,
  type Phase,
  type RunStatus,
} from './status.ts';

/** Signs that the fonts of a bare machine have, too. */
const MARKS: Readonly<Record<PartState, string>> = {
  pending: '·',
  running: '▶',
  retrying: '↻',
  succeeded: '✔',
  satisfied: '✔',
  skipped: '↷',
  parked: '⚠',
  failed: '✘',
  blocked: '⊘',
  killed: '✘',
};

const ENDS: Readonly<Partial<Record<Phase, string>>> = {
  provisioned: '✔',
  'already-provisioned': '✔',
  failed: '✘',
  aborted: '✘',
};

const STEP_COLUMNS: readonly Column[] = [
  { title: 'step', align: 'left' },
  { title: 'state', align: 'left' },
  { title: 'try', align: 'right' },
  { title: 'time', align: 'right' },
  { title: 'exit', align: 'right' },
];
const INTERVENTION_COLUMNS: readonly Column[] = [
  { title: 'when', align: 'left' },
  { title: 'what', align: 'left' },
  { title: 'who', align: 'left' },
  { title: 'why', align: 'left' },
];

// The UI asks for the page with the whole text in its address, which proxies bound.
const MAX_MESSAGE_LENGTH = 1000;
const MAX_SHORT_LENGTH = 200;
const MAX_TAIL_LINES = 6;
const MAX_LINE_LENGTH = 200;
/** Parked parts that are shown in full. */
const MAX_SHOWN = 5;
const MAX_INTERVENTIONS = 10;

/** A step or a finalizer under the name that people know it by. */
interface NamedPart {
  readonly step: string;
  readonly name: string;
  readonly part: PartStatus;
}

/** A run as Markdown, for the UI: where it is, what a person must do, its steps, what failed, and who did what. */
export function renderMarkdown(status: RunStatus): string {
  const parts = listParts(status).map(({ step: { name }, kind, part }): NamedPart => {
    return { step: name, name: kind === 'step' ? name : `${name} (finalizer)`, part };
  });
  const parked = parts.filter(({ part }) => part.state === 'parked');
  const failed = parts.filter(
    // What the run itself failed of is told at its head.
    ({ part: { state, failure } }) =>
      failure && state !== 'parked' && failure.message !== status.failure?.message,
  );
  const { startedAtMs } = status;
  const isOver = status.endedAtMs !== undefined;
  return [
    headline(status),
    ...end(status),
    ...parked.slice(0, MAX_SHOWN).flatMap((each) => needsPerson(each, status)),
    ...list(parked.slice(MAX_SHOWN).map(({ name }) => `${MARKS.parked} **${prose(name)}** is parked, too`)),
    ...(status.paused && !isOver
      ? ['**Paused:** no further step starts. To go on, send the signal `resume` with `{}`.']
      : []),
    ...(parts.length === 0
      ? []
      : [
          table(
            STEP_COLUMNS,
            parts.map((each) => stepRow(each, startedAtMs)),
          ),
        ]),
    ...list(failed.map(({ name, part }) => failureLine(name, part))),
    ...interventions(status),
  ].join('\n\n');
}

function headline(status: RunStatus): string {
  const { phase, attention, paused, endedAtMs, startedAtMs } = status;
  const mark = ENDS[phase] ?? (attention ? MARKS.parked : MARKS.running);
  const took = endedAtMs === undefined ? '' : `, took ${formatDuration(endedAtMs - startedAtMs)}`;
  const about = [
    `**${mark} ${phase}**${paused && endedAtMs === undefined ? ' (paused)' : ''}`,
    ...(status.plan === '' ? [] : [prose(status.plan)]),
    ...(status.host === '' ? [] : [prose(status.host)]),
    `began ${clock(startedAtMs, startedAtMs)} UTC${took}`,
  ];
  return about.join(' · ');
}

/** What became of a run that is over. */
function end({ phase, failure, sentinel }: RunStatus): string[] {
  if (failure) return [...explain(`**${failure.code}:** `, failure), advice(failure.advice)];
  if (phase === 'provisioned') return [`Sentinel: ${code(sentinel)}`];
  if (phase === 'already-provisioned') return [`Nothing was to be done: ${code(sentinel)} was there.`];
  return [];
}

function json(input: object): string {
  return code(JSON.stringify(input));
}

/** What waits for a person, what it said last, where to look, and each message ready to be copied. */
function needsPerson({ step, name, part }: NamedPart, { startedAtMs }: RunStatus): string[] {
  const since = part.endedAtMs === undefined ? '' : ` since ${clock(part.endedAtMs, startedAtMs)}`;
  const { failure } = part;
  return [
    `### ${MARKS.parked} ${prose(name)} waits for a person${since}`,
    ...(failure ? [...explain('', failure), advice(failure.advice)] : []),
    'More Actions → Send a Signal:',
    [
      `- ${code('retryStep')} ${json({ step })} runs it again`,
      `- ${code('skipStep')} ${json({ step, reason: '…' })} treats it as done`,
      `- ${code('abort')} ${json({ reason: '…' })} ends the run`,
    ].join('\n'),
  ];
}

/** What a failure says, and the end of the log that came with it. */
function explain(label: string, { message, logTail = '' }: PartFailure): string[] {
  const said = boundedText(message, MAX_MESSAGE_LENGTH).split('\n');
  const isLine = said.length === 1;
  const log = logTail.trim() === '' ? [] : logTail.trimEnd().split('\n').slice(-MAX_TAIL_LINES);
  const lines = [...(isLine ? [] : said), ...log].map((line) => boundedText(line, MAX_LINE_LENGTH));
  const head = `${label}${isLine ? prose(said[0] ?? '') : ''}`.trim();
  return [...(head === '' ? [] : [head]), ...(lines.length === 0 ? [] : [block(lines)])];
}

function failureLine(name: string, { state, failure }: PartStatus): string {
  const [first = ''] = failure?.message.split('\n', 1) ?? [];
  return `${MARKS[state]} **${prose(name)}** ${failure?.code}: ${prose(boundedText(first, MAX_SHORT_LENGTH))}`;
}

function stepRow({ name, part }: NamedPart, startedAtMs: number): string[] {
  const { state, generation } = part;
  // Nothing else is a success.
  const exitCode = state === 'succeeded' ? 0 : part.exitCode;
  return [
    unbroken(name),
    unbroken(`${MARKS[state]} ${state}`),
    generation === 0 ? '' : String(generation),
    unbroken(timeOf(part, startedAtMs)),
    exitCode === undefined ? '' : String(exitCode),
  ];
}

/** How long it took, or since when it runs: nobody refreshes what is shown while nothing happens. */
function timeOf({ state, startedAtMs, endedAtMs }: PartStatus, runStartedAtMs: number): string {
  if (startedAtMs === undefined) return '';
  if (endedAtMs !== undefined) return formatDuration(endedAtMs - startedAtMs);
  return state === 'running' ? `since ${clock(startedAtMs, runStartedAtMs)}` : '';
}

function interventions({ interventions, startedAtMs }: RunStatus): string[] {
  if (interventions.length === 0) return [];
  const rows = interventions
    .slice(-MAX_INTERVENTIONS)
    .map((each) => [
      unbroken(clock(each.atMs, startedAtMs)),
      prose(boundedText(describeAct(each), MAX_SHORT_LENGTH)),
      prose(boundedText(each.by ?? '', MAX_SHORT_LENGTH)),
      prose(boundedText(each.reason ?? '', MAX_SHORT_LENGTH)),
    ]);
  return ['### What people did', table(INTERVENTION_COLUMNS, rows)];
}

function list(items: readonly string[]): string[] {
  return items.length === 0 ? [] : [items.map((item) => `- ${item}`).join('\n')];
}

/** The time of day (UTC), with its date unless that is the day on which the run began. */
function clock(ms: number, startedAtMs: number): string {
  const [day = '', time = ''] = new Date(ms).toISOString().slice(0, 19).split('T');
  return new Date(startedAtMs).toISOString().startsWith(day) ? time : `${day} ${time}`;
}
