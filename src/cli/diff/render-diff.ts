import { oneLine } from '../../domain/text/plain-text.ts';
import type { Diff, DiffOutcome, DiffRow } from './diff-row.ts';
import type { Paint, Style } from '../output/paint.ts';

const LOOKS: Readonly<
  Record<DiffRow['would'], { readonly mark: string; readonly word: string; readonly style: Style }>
> = {
  keep: { mark: '=', word: 'keep', style: 'dim' },
  drift: { mark: '!', word: 'drift', style: 'red' },
  do: { mark: '+', word: 'do', style: 'green' },
  wait: { mark: '~', word: 'wait', style: 'yellow' },
  fail: { mark: '✘', word: 'fail', style: 'red' },
  unknown: { mark: '?', word: 'unknown', style: 'yellow' },
};

const OUTCOMES: Readonly<Record<DiffOutcome, Style>> = {
  'nothing-to-do': 'green',
  drifted: 'red',
  'would-run': 'bold',
  'would-fail': 'red',
  unknown: 'red',
};

/** What a run would do on one host, a line for each thing. */
export function renderDiff({ host, plan, digest, outcome, says, rows }: Diff, paint: Paint): string[] {
  const whats = rows.map(({ kind, name }) => (name === undefined ? kind : `${kind} ${oneLine(name)}`));
  const width = Math.max(0, ...whats.map((what) => what.length));
  const wordWidth = Math.max(0, ...rows.map(({ would }) => LOOKS[would].word.length));
  return [
    paint('bold', `${oneLine(plan)} on ${oneLine(host)} (digest ${digest.slice(0, 12)})`),
    ...rows.map(({ would, says }, i) => {
      const { mark, word, style } = LOOKS[would];
      return `  ${paint(style, `${mark} ${word.padEnd(wordWidth)}`)}  ${(whats[i] ?? '').padEnd(width)}  ${oneLine(says)}`;
    }),
    paint(OUTCOMES[outcome], `  ${oneLine(says)}`),
  ];
}
