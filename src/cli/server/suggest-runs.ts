import type { WorkflowNotFoundError } from '@temporalio/client';
import type { ChandlerClient } from '../../client.ts';
import { didYouMean } from '../../domain/text/near-names.ts';
import { oneLine } from '../../domain/text/plain-text.ts';
import { CliError, NOT_KNOWN } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import { ofId } from './visibility-query.ts';

const MAX_COMPARED = 500;

/** The error for an unknown id, with the most similar ids. */
export async function suggestRuns(client: ChandlerClient, error: WorkflowNotFoundError): Promise<Error> {
  const { workflowId: wanted, runId } = error;
  if (runId !== undefined) {
    const known = await client.list({ query: ofId(wanted), limit: MAX_COMPARED }).catch(() => []);
    const next =
      known.length === 0
        ? 'chandler status lists the runs'
        : `its runs are ${known
            .map((run) => run.runId)
            .slice(0, 5)
            .join(', ')}`;
    const text = `no run ${runId} with the id ${wanted}; ${next}`;
    return new CliError(exitCodes.usage, oneLine(text), { cause: error, code: 'not-found' });
  }
  // If the server cannot list runs, the error has no suggestions.
  const runs = await client.list({ limit: MAX_COMPARED }).catch(() => []);
  const ids = runs.map(({ id }) => id);
  const next = didYouMean(wanted, ids) ?? NOT_KNOWN;
  const text = `no run with the id ${wanted}; ${next}`;
  return new CliError(exitCodes.usage, oneLine(text), { cause: error, code: 'not-found' });
}
