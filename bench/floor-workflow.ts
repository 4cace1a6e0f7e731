import { proxyActivities } from '@temporalio/workflow';

const { nothing } = proxyActivities<{ nothing(): Promise<void> }>({ startToCloseTimeout: '1m' });

/** As many activities, in the same order, as a run of three steps and a finalizer. They do nothing. */
export async function floor(): Promise<void> {
  await nothing();
  await Promise.all([nothing(), nothing(), nothing()]);
  await nothing();
  await nothing();
}
