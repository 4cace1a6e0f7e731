import { setTimeout as delay } from 'node:timers/promises';
import { acceptedActions } from '../src/domain/run/audit-trail.ts';
import { activePart, type RunStatus } from '../src/domain/run/status.ts';
import type { ChandlerClient } from '../src/client.ts';
import { createDraw } from './draw.ts';
import type { DrawnAction } from './plans.ts';
import { wakeRun, type Woken } from './wake.ts';

const POLL_EVERY_MS = 300;
const ANSWER_WITHIN_MS = 15_000;

/**
 * The operator of a run: acts on parked parts, by the seed, and on a run that hangs, until the run is over. With the id of a host's
 * runs, acts on one after another.
 */
export async function operate(
  client: ChandlerClient,
  seed: number,
  run: string,
  action: DrawnAction | undefined,
  over: AbortSignal,
  onWoken: (how: Woken) => void,
  everyMs = POLL_EVERY_MS,
): Promise<void> {
  const handle = client.temporal.workflow.getHandle(run);
  const acted = action ? give(action) : Promise.resolve();

  async function give({ action, afterMs }: DrawnAction): Promise<void> {
    await delay(afterMs, undefined, { signal: over });
    if (action === 'cancel') return untilTaken(() => handle.cancel(), over);
    if (action === 'terminate') return untilTaken(() => handle.terminate('drawn'), over);
    if (action === 'abort') return untilTaken(() => handle.signal('abort', { reason: 'drawn' }), over);
    await untilTaken(() => handle.signal('pause', {}), over);
    await delay(1000, undefined, { signal: over });
    await untilTaken(() => handle.signal('resume', {}), over);
  }

  const watch = async () => {
    for (;;) {
      await delay(everyMs, undefined, { signal: over });
      // A query may find no worker; the next one will.
      const status = await within(client, () => client.status(run)).catch(() => undefined);
      // A reset would revive a run that is terminated meanwhile.
      if (!status && !over.aborted && action?.action !== 'terminate') {
        const woken = await within(client, () => wakeRun(client, run)).catch(() => undefined);
        if (woken) onWoken(woken);
      }
      if (status?.attention !== true) continue;
      for (const step of status.steps) {
        if (activePart(step).state === 'parked') await decide(client, seed, run, status, step.name);
        else if (activePart(step).trouble) await askAgain(client, seed, run, status, step.name);
      }
    }
  };
  await Promise.all([acted, watch()]).catch((error: unknown) => {
    if (!over.aborted) throw error;
  });
}

/** Retry, skip or abort, each by update or signal. After several retries the operator gives up. */
async function decide(
  client: ChandlerClient,
  seed: number,
  run: string,
  status: RunStatus,
  step: string,
): Promise<void> {
  const retries = acceptedActions(status).filter((i) => i.action === 'retryStep' && i.step === step).length;
  const draw = createDraw(seed, `operator ${run} ${step} ${status.auditTrail.length}`);
  const choice = draw.int(1, 100);
  const wish = choice <= 70 && retries < 3 ? 'retryStep' : choice <= 90 ? 'skipStep' : 'abort';
  const input = wish === 'abort' ? { reason: 'given up' } : { step };
  const handle = client.temporal.workflow.getHandle(run);
  // A refused action is decided again next time.
  await within(client, async () => {
    if (draw.chance(50)) await handle.signal(wish, input);
    else await handle.executeUpdate(wish, { args: [input] });
  }).catch(() => undefined);
}

/** Sends a retry now and then, like an operator who has restored access to the host. */
async function askAgain(
  client: ChandlerClient,
  seed: number,
  run: string,
  status: RunStatus,
  step: string,
): Promise<void> {
  const draw = createDraw(seed, `access ${run} ${step} ${status.auditTrail.length}`);
  if (!draw.chance(40)) return;
  const handle = client.temporal.workflow.getHandle(run);
  await within(client, () => handle.signal('retryStep', { step })).catch(() => undefined);
}

export async function untilTaken(send: () => Promise<unknown>, over: AbortSignal): Promise<void> {
  while (!over.aborted) {
    try {
      await send();
      return;
    } catch {
      await delay(500, undefined, { signal: over });
    }
  }
}

export async function within<T>(client: ChandlerClient, ask: () => Promise<T>): Promise<T> {
  return client.temporal.withDeadline(Date.now() + ANSWER_WITHIN_MS, ask);
}
