import { workflowInfo } from '@temporalio/workflow';
import type { CleanResult } from '../domain/run/leftovers.ts';
import type { Target } from '../domain/plan/schema.ts';
import { addressOf } from '../domain/run/ids.ts';
import { readFailure, workflowFailure } from './failures.ts';
import { activity } from './proxies.ts';
import { readInput, refuseInput, requireValid } from './read-input.ts';

/** Which host to clean. */
export interface CleanInput {
  readonly target: Target;
  /** The id of a run that must give up the host even if it is still open, or if its server is gone. */
  readonly run?: string;
}

/** Ends what earlier runs left on a host: their launches and sessions. */
export async function cleanHost(input: CleanInput): Promise<CleanResult> {
  const { run } = readInput(input);
  if (run !== undefined && typeof run !== 'string') throw refuseInput('run must be the id of a run');
  const { target } = input;
  await requireValid({ target });
  const { namespace, workflowId, firstExecutionRunId: firstRunId } = workflowInfo();
  try {
    return await activity.cleanHost(`clean ${addressOf(target)}`, {
      target,
      holder: { namespace, workflowId, firstRunId },
      ...(run !== undefined && { run }),
    });
  } catch (error) {
    throw workflowFailure(readFailure(error));
  }
}
