import { boundedText } from '../text/bounded-text.ts';
import { formatDuration } from '../text/duration.ts';
import { actionNames, actions, exampleInput } from './actions.ts';
import { describeAction } from './audit-trail.ts';
import { advice, block, code, left, prose, right, table, unbroken } from '../text/markdown.ts';
import {
  listParts,
  listUndone,
  partName,
  skippedText,
  type PartFailure,
  type PartState,
  type PartStatus,
  type Phase,
  type RunStatus,
  type Trouble,
} from './status.ts';

/** Characters that the fonts of a minimal system contain. */
const MARKS: Readonly<Record<PartState, string>> = {
  pending: '·',
  running: '▶',
  retrying: '↻',
  succeeded: '✔',
  satisfied: '✔',
  unchanged: '✔',
  skipped: '↷',
  parked: '⚠',
  failed: '✘',
  blocked: '⊘',
  killed: '✘',
};

const ENDS: Readonly<Partial<Record<Phase, string>>> = {
  provisioned: '✔',
  'already-provisioned': '✔',
  incomplete: '✔',
  failed: '✘',
  aborted: '✘',
};

const STEP_COLUMNS = [...left('step', 'state'), ...right('attempt', 'time', 'exit')];
const AUDIT_COLUMNS = left('when', 'what', 'who', 'why');

// The UI requests its page with the whole text in the URL, and proxies limit its length.
const MAX_MESSAGE_LENGTH = 1000;
const MAX_SHORT_LENGTH = 200;
const MAX_TAIL_LINES = 6;
const MAX_LINE_LENGTH = 200;
/** How many parts are shown in full. */
const MAX_SHOWN = 5;
const MAX_AUDIT_ENTRIES = 10;

interface NamedPart {
  readonly step: string;
  readonly name: string;
  readonly part: PartStatus;
}

/** Renders a run as Markdown for the UI: its state, what an operator must do, its steps, its failures and its audit trail. */
export function renderStatusMarkdown(status: RunStatus): string {
  const parts = listParts(status).map(({ step: { name }, kind, part }): NamedPart => {
    return { step: name, name: partName(name, kind === 'finalizer'), part };
  });
  const parked = parts.filter(({ part }) => part.state === 'parked');
  const held = parts.filter(({ part }) => part.trouble);
  const waiting = parts.filter(({ part }) => !part.trouble && part.waitingFor !== undefined);
  const asking = parts.filter(({ part }) => part.input !== undefined);
  const failed = parts.filter(
    // The failure of the run itself is in the head already.
    ({ part: { state, failure } }) =>
      failure && state !== 'parked' && failure.message !== status.failure?.message,
  );
  const { startedAtMs } = status;
  const isOver = status.endedAtMs !== undefined;
  return [
    headline(status),
    ...end(status),
    ...latestRefusal(status),
    ...(status.trouble ? troubleText('reached', status.trouble, startedAtMs) : []),
    ...waitText(status),
    ...showFirst(held, (each) => hold(each, startedAtMs), ': the host cannot be reached, either'),
    ...showFirst(waiting, (each) => hold(each, startedAtMs), ' waits, too'),
    ...showFirst(asking, (each) => needsInput(each, startedAtMs), ' is also waiting for input'),
    ...showFirst(parked, (each) => needsAttention(each, status), ' is also parked'),
    ...(status.paused && !isOver
      ? ['**Paused:** no further step starts. To continue, send the signal `resume` with `{}`.']
      : []),
    ...table(
      STEP_COLUMNS,
      parts.map((each) => stepRow(each, startedAtMs)),
    ),
    ...list((status.notes ?? []).map(prose)),
    ...list(failed.map(({ name, part }) => failureLine(name, part))),
    ...list(
      parts.flatMap(({ name, part: { notes = [] } }) =>
        notes.map((note) => `**${prose(name)}**: ${short(note)}`),
      ),
    ),
    ...auditTrail(status),
  ].join('\n\n');
}

/** Shows the first parts in full, and the others by name. */
function showFirst(parts: readonly NamedPart[], show: (part: NamedPart) => string[], also: string): string[] {
  const others = parts.slice(MAX_SHOWN).map(({ name }) => `${MARKS.parked} **${prose(name)}**${also}`);
  return [...parts.slice(0, MAX_SHOWN).flatMap(show), ...list(others)];
}

function headline(status: RunStatus): string {
  const { phase, attention, paused, endedAtMs, startedAtMs } = status;
  const mark = ENDS[phase] ?? (attention ? MARKS.parked : MARKS.running);
  const took = endedAtMs === undefined ? '' : `, took ${formatDuration(endedAtMs - startedAtMs)}`;
  const about = [
    `**${mark} ${phase}**${paused && endedAtMs === undefined ? ' (paused)' : ''}`,
    ...(status.plan === '' ? [] : [prose(status.plan)]),
    ...(status.host === '' ? [] : [prose(status.host)]),
    `started ${clock(startedAtMs, startedAtMs)} UTC${took}`,
  ];
  return about.join(' · ');
}

function end({ phase, failure, sentinel, steps }: RunStatus): string[] {
  if (failure) {
    const label = phase === 'aborted' ? '' : `**${failure.code}:** `;
    return [...explain(label, failure), advice(failure.advice)];
  }
  if (phase === 'provisioned') {
    const skipped = skippedText({ steps });
    const next = skipped === '' ? '' : `${prose(skipped)}. The next run of this plan does the skipped work.`;
    return [`Sentinel: ${code(sentinel)}${next}`];
  }
  if (phase === 'incomplete')
    return [
      `Not done: ${prose(listUndone({ steps }).join(', '))}. So no finalizer ran, and no sentinel was written.`,
    ];
  if (phase === 'already-provisioned') return [`Nothing to do: ${code(sentinel)} was there.`];
  return [];
}

/** A part that needs attention: its failure, where to look, and each action, ready to be copied. */
function needsAttention({ step, name, part }: NamedPart, { startedAtMs }: RunStatus): string[] {
  const since = part.endedAtMs === undefined ? '' : ` since ${clock(part.endedAtMs, startedAtMs)}`;
  const { failure } = part;
  return [
    `### ${MARKS.parked} ${prose(name)} needs attention${since}`,
    ...(failure ? [...explain('', failure), advice(failure.advice)] : []),
    'More Actions → Send a Signal:',
    actionNames
      .filter((action) => actions[action].whenParked !== undefined)
      .map((action) => `- ${code(action)} ${code(exampleInput(action, step))} ${actions[action].whenParked}`)
      .join('\n'),
  ];
}

/** Shows an absolute time, because the UI shows this text unchanged until the run changes. */
function waitText({ waitingFor, waitingUntilMs, startedAtMs }: RunStatus): string[] {
  if (waitingFor === undefined) return [];
  const until = waitingUntilMs === undefined ? '' : `, until ${clock(waitingUntilMs, startedAtMs)} UTC`;
  return [`${MARKS.running} Waiting for ${prose(waitingFor)}${until}`];
}

function needsInput({ name, part: { input } }: NamedPart, startedAtMs: number): string[] {
  if (!input) return [];
  const { lastLine, attach, sinceMs } = input;
  return [
    `### ${MARKS.parked} ${prose(name)} has been waiting for input since ${clock(sinceMs, startedAtMs)}`,
    ...(lastLine === '' ? [] : [block([lastLine])]),
    `Attach to its terminal and type: ${code(attach)}`,
  ];
}

function hold({ step, name, part: { trouble, waitingFor } }: NamedPart, startedAtMs: number): string[] {
  if (!trouble) return [`${MARKS.running} **${prose(name)}** waits for ${prose(waitingFor ?? '')}`];
  return [
    ...troubleText(`asked about ${prose(name)}`, trouble, startedAtMs),
    `To try now, send the signal \`retryStep\` with ${code(JSON.stringify({ step }))}. To start another launch, send it with ${code(JSON.stringify({ step, force: true }))}.`,
  ];
}

function troubleText(
  problem: 'reached' | `asked about ${string}`,
  { code, message, advice: words, sinceMs, isBooting }: Trouble,
  startedAtMs: number,
): string[] {
  const mark = isBooting ? MARKS.running : MARKS.parked;
  const why = isBooting ? ', and may be booting' : '';
  return [
    `### ${mark} The host cannot be ${problem} since ${clock(sinceMs, startedAtMs)}${why}`,
    ...explain(`${code}: `, { code, message, advice: words }),
    advice(words),
  ];
}

function explain(label: string, { message, logTail = '' }: PartFailure): string[] {
  const text = boundedText(message, MAX_MESSAGE_LENGTH).split('\n');
  const isLine = text.length === 1;
  const log = logTail.trim() === '' ? [] : logTail.trimEnd().split('\n').slice(-MAX_TAIL_LINES);
  const lines = [...(isLine ? [] : text), ...log].map((line) => boundedText(line, MAX_LINE_LENGTH));
  const head = `${label}${isLine ? prose(text[0] ?? '') : ''}`.trim();
  return [...(head === '' ? [] : [head]), ...(lines.length === 0 ? [] : [block(lines)])];
}

function failureLine(name: string, { state, failure }: PartStatus): string {
  const [first = ''] = failure?.message.split('\n', 1) ?? [];
  return `${MARKS[state]} **${prose(name)}** ${failure?.code}: ${short(first)}`;
}

function stepRow({ name, part }: NamedPart, startedAtMs: number): string[] {
  const { state, attempt } = part;
  // The status has no exit code for a success.
  const exitCode = state === 'succeeded' ? 0 : part.exitCode;
  return [
    unbroken(name),
    unbroken(`${MARKS[state]} ${state}`),
    attempt === 0 ? '' : String(attempt),
    unbroken(timeOf(part, startedAtMs)),
    exitCode === undefined ? '' : String(exitCode),
  ];
}

/** A duration, or the start time while the part runs: the UI does not refresh the text unless the run changes. */
function timeOf({ state, startedAtMs, endedAtMs }: PartStatus, runStartedAtMs: number): string {
  if (startedAtMs === undefined) return '';
  if (endedAtMs !== undefined) return formatDuration(endedAtMs - startedAtMs);
  return state === 'running' ? `since ${clock(startedAtMs, runStartedAtMs)}` : '';
}

function auditTrail({ auditTrail, startedAtMs }: RunStatus): string[] {
  if (auditTrail.length === 0) return [];
  const rows = auditTrail.slice(-MAX_AUDIT_ENTRIES).map((each) => {
    const { atMs, refused, by = '', reason = '' } = each;
    return [
      unbroken(clock(atMs, startedAtMs)),
      `${refused === undefined ? '' : `${MARKS.failed} `}${short(describeAction(each))}`,
      short(by),
      short(refused === undefined ? reason : `refused: ${refused}`),
    ];
  });
  return ['### Audit trail', ...table(AUDIT_COLUMNS, rows)];
}

/** The latest action, if it was refused. Near the head, because the sender of a signal gets no other response. */
function latestRefusal({ auditTrail, startedAtMs }: RunStatus): string[] {
  const latest = auditTrail.at(-1);
  if (latest?.refused === undefined) return [];
  const when = clock(latest.atMs, startedAtMs);
  return [`**${MARKS.failed} Refused** ${when}: ${short(describeAction(latest))}: ${short(latest.refused)}`];
}

function short(text: string): string {
  return prose(boundedText(text, MAX_SHORT_LENGTH));
}

function list(items: readonly string[]): string[] {
  return items.length === 0 ? [] : [items.map((item) => `- ${item}`).join('\n')];
}

/** The time of day (UTC), with the date unless it is the day on which the run started. */
function clock(ms: number, startedAtMs: number): string {
  const [day = '', time = ''] = new Date(ms).toISOString().slice(0, 19).split('T');
  return new Date(startedAtMs).toISOString().startsWith(day) ? time : `${day} ${time}`;
}
