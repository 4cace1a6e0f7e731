import { oneLine } from '../../domain/text/plain-text.ts';
import type { Diff, DiffRow } from '../output/outputs.ts';
import type { Paint, Style } from '../output/paint.ts';

const STYLES: Readonly<Record<DiffRow['would'], { readonly mark: string; readonly style: Style }>> = {
  keep: { mark: '=', style: 'dim' },
  drift: { mark: '!', style: 'red' },
  do: { mark: '+', style: 'green' },
  wait: { mark: '~', style: 'yellow' },
  fail: { mark: '✘', style: 'red' },
  unknown: { mark: '?', style: 'yellow' },
};

const OUTCOMES: Readonly<Record<Diff['outcome'], Style>> = {
  'nothing-to-do': 'green',
  drifted: 'red',
  'would-run': 'bold',
  'would-fail': 'red',
  unknown: 'red',
};

export function renderDiff({ host, plan, digest, outcome, message, rows }: Diff, paint: Paint): string[] {
  const whats = rows.map(({ kind, name }) => (name === undefined ? kind : `${kind} ${oneLine(name)}`));
  const width = Math.max(0, ...whats.map((what) => what.length));
  const wordWidth = Math.max(0, ...rows.map(({ would }) => would.length));
  return [
    paint('bold', `${oneLine(plan)} on ${oneLine(host)} (digest ${digest.slice(0, 12)})`),
    ...rows.map(({ would, message }, i) => {
      const { mark, style } = STYLES[would];
      return `  ${paint(style, `${mark} ${would.padEnd(wordWidth)}`)}  ${(whats[i] ?? '').padEnd(width)}  ${oneLine(message)}`;
    }),
    paint(OUTCOMES[outcome], `  ${oneLine(message)}`),
  ];
}
