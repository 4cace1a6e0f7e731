import type { Client } from '@temporalio/client';
import type { RunStatus } from '../domain/run/status.ts';
import type { LaunchesAnswer } from '../workflows/queries.ts';
import { askRun } from './ask-run.ts';
import type { RunHost } from './types.ts';

/** Asks a run where it does its work; returns undefined until it has reached its host. */
export async function findRunHost(temporal: Client, workflowId: string): Promise<RunHost | undefined> {
  const [{ owner, host }, { zmxPath }] = await Promise.all([
    askRun<LaunchesAnswer>(temporal, workflowId, 'launches'),
    askRun<RunStatus>(temporal, workflowId, 'status'),
  ]);
  if (!host) return undefined;
  const { stateDir, zmxDir } = host.facts;
  return { owner, target: host.target, stateDir, zmxDir, ...(zmxPath !== undefined && { zmxPath }) };
}
