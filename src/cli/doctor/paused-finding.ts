import type { Finding } from '../../domain/run/finding.ts';
import { count } from '../../domain/text/count.ts';
import { oneLine } from '../../domain/text/plain-text.ts';
import { quoteOperand } from '../../shell/index.ts';

/** How many are named. */
const MOST_NAMED = 5;

/** Runs that one of Temporal's own pauses holds: a forgotten one keeps its host for ever. */
export function pausedFinding(ids: readonly string[]): Finding {
  const about = { id: 'paused-runs', looked: 'runs that are paused in Temporal' };
  const [first] = ids;
  if (first === undefined) return { ...about, verdict: 'ok', says: 'none' };
  const named = ids.slice(0, MOST_NAMED).map(oneLine).join(', ');
  const more = ids.length > MOST_NAMED ? ', …' : '';
  return {
    ...about,
    verdict: 'warning',
    says: `${count(ids.length, 'run')} on hold: ${named}${more}`,
    mend: `chandler status ${quoteOperand(oneLine(first))}`,
  };
}
