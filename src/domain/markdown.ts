import { formatDuration } from './duration.ts';
import type { PartStatus, RunStatus } from './status.ts';
import { oneLine } from './terminal.ts';

const MARKS: Readonly<Record<PartStatus['state'], string>> = {
  pending: '·',
  running: '▶',
  retrying: '↻',
  succeeded: '✔',
  satisfied: '✔',
  skipped: '↷',
  parked: '⏸',
  failed: '✘',
  blocked: '⊘',
  killed: '✘',
};

/** A run as Markdown, for the UI: where it is, a table of its steps, and what a person can do about those that wait. */
export function renderMarkdown(status: RunStatus): string {
  const rows = status.steps.flatMap((step) => [
    row(step.name, step),
    ...(step.finalizer ? [row(`${step.name} (finalizer)`, step.finalizer)] : []),
  ]);
  const parts = [
    `**${status.phase}**${status.paused ? ' (paused)' : ''} · ${cell(status.host)}`,
    ['| step | state | try | time | exit |', '|---|---|---|---|---|', ...rows].join('\n'),
    ...status.steps.flatMap((step) =>
      [step, ...(step.finalizer ? [step.finalizer] : [])].flatMap((part) => needsPerson(step.name, part)),
    ),
    ...(status.attach !== undefined && status.attention
      ? [`Attach on the host: ${code(status.attach)}`]
      : []),
    ...(status.failure ? [`**${status.failure.code}**: ${cell(status.failure.message)}`] : []),
  ];
  return parts.join('\n\n');
}

function row(name: string, part: PartStatus): string {
  const time =
    part.startedAtMs !== undefined && part.endedAtMs !== undefined
      ? formatDuration(part.endedAtMs - part.startedAtMs)
      : '';
  const columns = [
    name,
    `${MARKS[part.state]} ${part.state}`,
    part.generation || '',
    time,
    part.exitCode ?? '',
  ];
  return `| ${columns.map((column) => cell(String(column))).join(' | ')} |`;
}

function needsPerson(name: string, part: PartStatus): string[] {
  if (part.state !== 'parked') return [];
  const what = part.failure ? `${part.failure.code}: ${cell(part.failure.message)}` : 'parked';
  const message = JSON.stringify({ step: name });
  return [
    `**${cell(name)}** waits for a person (${what}). Send the signal \`retryStep\` or \`skipStep\` with \`${message}\`.`,
  ];
}

/** Text of a host or a plan must not break out of its cell. */
function cell(text: string): string {
  return oneLine(text).replace(/[|<>`\\[\]*_~&]/g, (char) => `\\${char}`);
}

/** A code span ends at as many backticks as it began with (CommonMark 6.1). */
function code(text: string): string {
  const fences = oneLine(text).match(/`+/g) ?? [];
  const fence = '`'.repeat(1 + Math.max(0, ...fences.map(({ length }) => length)));
  const pad = fences.length > 0 ? ' ' : '';
  return `${fence}${pad}${oneLine(text)}${pad}${fence}`;
}
