import { makeContinueAsNewFunc } from '@temporalio/workflow';
import type { Plan } from '../src/domain/plan/schema.ts';
import type { provision } from '../src/workflows/provision.ts';
import type { RunSnapshot } from '../src/workflows/snapshot.ts';

/** Turns into a run in the state of the snapshot, because `provision` accepts one only when it continues as new. */
export async function continueWaiting(taskQueue: string, plan: Plan, snapshot: RunSnapshot): Promise<void> {
  const go = makeContinueAsNewFunc<typeof provision>({ workflowType: 'provision', taskQueue });
  await go(plan, snapshot);
}
