import { count } from '../../domain/text/count.ts';
import type { Finding } from '../../domain/run/finding.ts';
import { oneLine, plainText } from '../../domain/text/plain-text.ts';
import type { Subject } from '../output/outputs.ts';
import { countFindings, type Section } from './sections.ts';
import type { Paint, Style } from '../output/paint.ts';

const STYLES: Readonly<Record<Finding['verdict'], { readonly mark: string; readonly style: Style }>> = {
  ok: { mark: '✔', style: 'green' },
  warning: { mark: '!', style: 'yellow' },
  problem: { mark: '✘', style: 'red' },
  skipped: { mark: '–', style: 'dim' },
};

const HEADINGS: Readonly<Record<Subject['about'], string>> = {
  here: 'Here',
  server: 'Server',
  worker: 'Worker',
  host: 'Host',
};

const WORD_WIDTH = 'problem'.length;

/** Renders findings by subject. Commands are never cut, because people copy them. */
export function renderFindings(sections: readonly Section[], paint: Paint): string[] {
  const all = sections.flatMap(({ findings }) => findings);
  const idWidth = Math.max(0, ...all.map(({ id }) => id.length));
  const lines = sections.flatMap(({ about, name, findings }) => [
    paint('bold', `${HEADINGS[about]}${name === '' ? '' : `  ${oneLine(name)}`}`),
    ...findings.flatMap((finding) => renderFinding(finding, idWidth, paint)),
    '',
  ]);
  return [...lines, renderCount(sections, paint)];
}

function renderFinding(finding: Finding, idWidth: number, paint: Paint): string[] {
  const { id, verdict, fix, fixed } = finding;
  const [subject, message] = [oneLine(finding.subject), oneLine(finding.message)];
  const { mark, style } = STYLES[verdict];
  const word = paint(style, `${mark} ${verdict.padEnd(WORD_WIDTH)}`);
  const indent = ' '.repeat(2 + 2 + WORD_WIDTH + 2);
  return [
    `  ${word}  ${id.padEnd(idWidth)}  ${subject}: ${message}`,
    ...(fixed === undefined ? [] : [`${indent}${paint('green', 'fixed:')} ${oneLine(fixed)}`]),
    ...(fix === undefined ? [] : [`${indent}${paint('cyan', 'fix:')}   ${command(fix)}`]),
  ];
}

/** Keeps white space, which may matter in a command. */
function command(text: string): string {
  return plainText(text).replaceAll('\n', ' ');
}

function renderCount(sections: readonly Section[], paint: Paint): string {
  const { problems, warnings } = countFindings(sections);
  if (problems === 0 && warnings === 0) return paint('green', 'All is well.');
  return [count(problems, 'problem'), count(warnings, 'warning')].join(', ');
}
