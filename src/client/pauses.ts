import type { Client, WorkflowExecutionDescription } from '@temporalio/client';
import { RunPausedError, type PausedRun, type ServerPause } from '../domain/run/server-pause.ts';
import { listParts, type RunStatus } from '../domain/run/status.ts';
import { plainText } from '../domain/text/plain-text.ts';
import { heartbeatOf } from './read-progress.ts';
import { temporalCommand } from './temporal-command.ts';

/** Temporal's workflow pause that holds a run; undefined if none does. */
export async function findPause(temporal: Client, workflowId: string): Promise<RunPausedError | undefined> {
  const described = await temporal.workflow.getHandle(workflowId).describe();
  if (described.status.name !== 'PAUSED') return undefined;
  const { identity, pausedTime, reason } = described.raw.workflowExtendedInfo?.pauseInfo ?? {};
  const pause: ServerPause = {
    of: 'workflow',
    ...about(pausedTime, identity, reason),
    unpause: unpauseCommand(temporal, 'workflow', workflowId),
  };
  return new RunPausedError(pause, knownOf(temporal, described));
}

/** Adds the pauses of activities to a status: to the part that the activity is for, or to the run. */
export function addActivityPauses(
  temporal: Client,
  status: RunStatus,
  { workflowId, raw }: WorkflowExecutionDescription,
): RunStatus {
  for (const activity of raw.pendingActivities ?? []) {
    const { paused, pauseInfo, activityId, activityType } = activity;
    if (!paused) continue;
    const { identity, reason } = pauseInfo?.manual ?? {};
    const pause: ServerPause = {
      of: 'activity',
      ...about(pauseInfo?.pauseTime, identity, reason),
      unpause: unpauseCommand(temporal, 'activity', workflowId, '--activity-id', activityId ?? ''),
    };
    const { step } = heartbeatOf(temporal, activity);
    const kind = activityType?.name === 'finalizeStep' ? 'finalizer' : 'step';
    const part = listParts(status).find((each) => each.step.name === step && each.kind === kind)?.part;
    (part ?? status).serverPause = pause;
  }
  return status;
}

function knownOf(temporal: Client, described: WorkflowExecutionDescription): PausedRun {
  const { memo, searchAttributes, startTime, raw } = described;
  return {
    plan: text(memo?.['plan']),
    host: text(searchAttributes['ChandlerHost']?.[0]) || text(memo?.['host']),
    phase: text(searchAttributes['ChandlerPhase']?.[0]),
    startedAtMs: startTime.getTime(),
    lastLines: (raw.pendingActivities ?? []).flatMap((activity) => {
      const { step, lastLine } = heartbeatOf(temporal, activity);
      return step === undefined || lastLine === undefined ? [] : [{ step, lastLine }];
    }),
  };
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function about(
  time: { readonly seconds?: unknown; readonly nanos?: number | null } | null | undefined,
  identity: string | null | undefined,
  reason: string | null | undefined,
): Pick<ServerPause, 'sinceMs' | 'by' | 'reason'> {
  return {
    sinceMs: Number(time?.seconds ?? 0) * 1000 + (time?.nanos ?? 0) / 1e6,
    ...(identity && { by: plainText(identity) }),
    ...(reason && { reason: plainText(reason) }),
  };
}

function unpauseCommand(
  temporal: Client,
  what: 'workflow' | 'activity',
  workflowId: string,
  ...words: readonly string[]
): string {
  return temporalCommand(temporal, what, 'unpause', '--workflow-id', plainText(workflowId), ...words);
}
