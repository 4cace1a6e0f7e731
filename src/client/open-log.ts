import type { Client } from '@temporalio/client';
import { randomUUID } from 'node:crypto';
import type { LogPage } from '../activities/activity-types.ts';
import { definedOnly } from '../domain/defined-only.ts';
import { describeLog } from '../domain/run/description.ts';
import { ChandlerError } from '../domain/run/failure.ts';
import { makeLaunch } from '../domain/run/ids.ts';
import { MAX_LOG_PAGE_BYTES } from '../domain/run/log-request.ts';
import type { readStepLog } from '../workflows/index.ts';
import type { LaunchesAnswer } from '../workflows/queries.ts';
import { answerOf, TASK_TIMEOUT_MS } from './await-answer.ts';
import { askRun } from './ask-run.ts';
import type { LogRange, LogRef } from './types.ts';

const LOG_PAGE_BYTES = 128 * 1024;
/** Includes connecting to the host and reading a page. */
const LOG_TIMEOUT_MS = 60_000;

/** Finds a log and returns a function that reads pieces of it, each with a workflow of its own. */
export async function openLog(
  temporal: Client,
  taskQueue: string,
  workflowId: string,
  step: string,
  { attempt, finalizer = false }: LogRef,
): Promise<(range?: LogRange) => Promise<LogPage>> {
  const { runId } = await temporal.workflow.getHandle(workflowId).describe();
  const launches = await askRun<LaunchesAnswer>(temporal, workflowId, 'launches');
  const { host } = launches;
  const known = launches.steps.find(({ name }) => name === step);
  if (!known || !host) {
    const names = launches.steps.map(({ name }) => name).join(', ');
    throw new ChandlerError(
      'log-unavailable',
      known ? 'the run has not reached its host yet' : `there is no step "${step}"; the steps are ${names}`,
    );
  }
  const latest = finalizer ? known.finalizerAttempt : known.attempt;
  if (latest === 0) throw new ChandlerError('log-unavailable', `${step} has not started yet`);
  const launch = makeLaunch(launches.owner, step, finalizer ? 'finalizer' : 'step', attempt ?? latest);
  const { summary, details } = describeLog(step, workflowId);
  return async (range = {}) => {
    const { offset = 0, sinceS, tailLines, maxBytes = LOG_PAGE_BYTES, followS = 0, signal } = range;
    const start = definedOnly({ sinceS, tailLines });
    signal?.throwIfAborted();
    const reading = await temporal.workflow.start<typeof readStepLog>('readStepLog', {
      workflowId: `log:${runId}:${step}:${randomUUID()}`,
      taskQueue,
      staticSummary: summary,
      staticDetails: details,
      // By then the caller has given up.
      workflowExecutionTimeout: LOG_TIMEOUT_MS + followS * 1000,
      workflowTaskTimeout: TASK_TIMEOUT_MS,
      args: [
        {
          host,
          launch,
          offset,
          ...(Object.keys(start).length > 0 && { start }),
          maxBytes: Math.min(maxBytes, MAX_LOG_PAGE_BYTES),
          followS,
          secrets: known.secrets,
        },
      ],
    });
    return answerOf(reading, reading.result(), { signal });
  };
}
