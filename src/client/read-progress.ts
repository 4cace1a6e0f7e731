import type { Client, WorkflowExecutionDescription } from '@temporalio/client';
import { definedOnly } from '../domain/defined-only.ts';
import type { StepProgress } from './types.ts';

/** Reads what the workers last reported about running steps and finalizers. */
export async function readProgress(temporal: Client, workflowId: string): Promise<StepProgress[]> {
  const { raw } = await temporal.workflow.getHandle(workflowId).describe();
  return (raw.pendingActivities ?? []).flatMap((activity) => {
    const { step, kind, attempt, lastLine, logBytes } = heartbeatOf(temporal, activity);
    if (step === undefined || attempt === undefined || lastLine === undefined) return [];
    return [definedOnly({ step, finalizer: kind === 'finalizer', attempt, lastLine, logBytes })];
  });
}

type Pending = NonNullable<WorkflowExecutionDescription['raw']['pendingActivities']>[number];

/** The details of an activity's latest heartbeat; empty without one. */
export function heartbeatOf(temporal: Client, { heartbeatDetails }: Pending): Partial<Heartbeat> {
  const [payload] = heartbeatDetails?.payloads ?? [];
  return payload ? temporal.options.loadedDataConverter.payloadConverter.fromPayload(payload) : {};
}

/** The details in the heartbeats of `waitForEnd` and `waitForEndOrPrompt`. */
interface Heartbeat {
  readonly step: string;
  readonly kind: 'step' | 'finalizer';
  readonly attempt: number;
  readonly lastLine: string;
  readonly logBytes: number;
}
