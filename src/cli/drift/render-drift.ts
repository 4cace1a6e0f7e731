import { stateOfPlan, type DriftReport, type StepDrift } from '../../domain/run/drift.ts';
import { withCode } from '../../domain/run/failure.ts';
import { oneLine } from '../../domain/text/plain-text.ts';
import type { Paint, Style } from '../output/paint.ts';
import { pad, widthOf } from '../output/text.ts';

const STYLES: Readonly<
  Record<StepDrift['state'], { readonly mark: string; readonly word: string; readonly style: Style }>
> = {
  'in-order': { mark: '=', word: 'in order', style: 'dim' },
  drifted: { mark: '!', word: 'drifted', style: 'red' },
  unknown: { mark: '?', word: 'unknown', style: 'yellow' },
};
const RESULT_STYLES: Readonly<Record<StepDrift['state'], Style>> = {
  'in-order': 'green',
  drifted: 'red',
  unknown: 'yellow',
};
const WORD_WIDTH = Math.max(...Object.values(STYLES).map(({ word }) => word.length));

/** Renders a row for each step, and below it one for each further way in which it differs. */
export function renderDrift(report: DriftReport, paint: Paint): string[] {
  const { host, plan, digest, message, steps } = report;
  const width = Math.max(...steps.map(({ name }) => widthOf(name)));
  return [
    paint('bold', `${oneLine(plan)} on ${oneLine(host)} (digest ${digest.slice(0, 12)})`),
    ...steps.flatMap((step) => {
      const { mark, word, style } = STYLES[step.state];
      const [first = '', ...more] = textsOf(step);
      const head = `  ${paint(style, `${mark} ${word.padEnd(WORD_WIDTH)}`)}  ${pad(step.name, width)}  ${first}`;
      return [head.trimEnd(), ...more.map((text) => `${' '.repeat(WORD_WIDTH + width + 8)}${text}`)];
    }),
    paint(RESULT_STYLES[stateOfPlan(report)], `  ${oneLine(message)}`),
  ];
}

function textsOf({ deviations, failure }: StepDrift): string[] {
  return [
    ...deviations.map(({ message }) => oneLine(message)),
    ...(failure ? [oneLine(withCode(failure))] : []),
  ];
}
