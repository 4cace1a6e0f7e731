import type { WorkflowNotFoundError } from '@temporalio/client';
import type { ChandlerClient } from '../client.ts';
import { oneLine } from '../domain/terminal.ts';
import { CliError } from './errors.ts';
import { exitCodes } from './exit-codes.ts';
import { listRuns } from './runs.ts';

const MOST_SUGGESTED = 3;
/** Among the latest. */
const MOST_COMPARED = 500;

/** What to say about an id that no run has: with the ids that it may have been meant to be. */
export async function suggestRuns(client: ChandlerClient, error: WorkflowNotFoundError): Promise<Error> {
  const wanted = error.workflowId;
  // A server without a working list still knows that the run is not there.
  const runs = await listRuns(client, '', MOST_COMPARED).catch(() => []);
  const near = nearIds(
    wanted,
    runs.map(({ id }) => id),
  );
  const next = near.length > 0 ? `did you mean ${near.join(' or ')}?` : 'chandler status lists them';
  const text = `no run with the id ${wanted}; ${next}`;
  return new CliError(exitCodes.usage, oneLine(text), { cause: error, code: 'not-found' });
}

/** Those that hold what was wanted; if none does, those that differ from it by little, the nearest first. */
export function nearIds(wanted: string, ids: readonly string[]): string[] {
  const lower = wanted.toLowerCase();
  const allowed = Math.max(1, Math.floor(wanted.length / 4));
  const near = [...new Set(ids)]
    .map((id) => ({ id, far: id.toLowerCase().includes(lower) ? 0 : distance(lower, id.toLowerCase()) }))
    .filter(({ far }) => far <= allowed)
    .sort((a, b) => a.far - b.far || a.id.length - b.id.length);
  const holding = near.filter(({ far }) => far === 0);
  return (holding.length > 0 ? holding : near).slice(0, MOST_SUGGESTED).map(({ id }) => id);
}

/** How many characters must be put in, taken out or changed (Levenshtein). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (const [i, left] of [...a].entries()) {
    let diagonal = i;
    row = row.map((above, j) => {
      if (j === 0) return i + 1;
      const cost = left === b[j - 1] ? diagonal : diagonal + 1;
      diagonal = above;
      return Math.min(cost, above + 1);
    });
    for (let j = 1; j < row.length; j += 1) row[j] = Math.min(row[j] ?? 0, (row[j - 1] ?? 0) + 1);
  }
  return row.at(-1) ?? 0;
}
