import type { Client } from '@temporalio/client';
import { definedOnly } from '../domain/defined-only.ts';
import type { StepProgress } from './types.ts';

/** Reads what the workers last reported about running steps and finalizers. */
export async function readProgress(temporal: Client, workflowId: string): Promise<StepProgress[]> {
  const { raw } = await temporal.workflow.getHandle(workflowId).describe();
  const { payloadConverter } = temporal.options.loadedDataConverter;
  return (raw.pendingActivities ?? []).flatMap(({ heartbeatDetails }) => {
    const [payload] = heartbeatDetails?.payloads ?? [];
    if (!payload) return [];
    const { step, kind, attempt, lastLine, logBytes } =
      payloadConverter.fromPayload<Partial<Heartbeat>>(payload);
    if (step === undefined || attempt === undefined || lastLine === undefined) return [];
    return [definedOnly({ step, finalizer: kind === 'finalizer', attempt, lastLine, logBytes })];
  });
}

/** The details in the heartbeats of `waitForEnd` and `waitForEndOrPrompt`. */
interface Heartbeat {
  readonly step: string;
  readonly kind: 'step' | 'finalizer';
  readonly attempt: number;
  readonly lastLine: string;
  readonly logBytes: number;
}
