import { verdictsOn, type Finding } from '../../domain/run/finding.ts';
import type { Plan } from '../../domain/plan/schema.ts';
import { oneLine } from '../../domain/text/plain-text.ts';
import type { Inspection } from '../../workflows/index.ts';

/** Whether the worker can provide what a plan names: identities, the zmx file, secrets. No findings without a plan. */
export function planFindings(plan: Plan | undefined, { worker }: Pick<Inspection, 'worker'>): Finding[] {
  if (!plan) return [];
  const id = 'plan-needs';
  if (worker.lacks.length === 0)
    return [verdictsOn(id, 'what the plan names').ok('the worker has all of it')];
  return worker.lacks.map(({ path, failure: { message, code, advice } }) =>
    verdictsOn(id, oneLine(path)).problem(`${oneLine(message)} (${code})`, oneLine(advice)),
  );
}
