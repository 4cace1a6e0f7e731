import type { ResolvedBootstrap } from '../domain/plan/resolve-plan.ts';
import { formatTimeLeft } from '../domain/text/duration.ts';
import { describeBootEvent, describeLateEvent, type BootEvent } from '../domain/run/boot-event.ts';
import { askHost } from './ask-host.ts';
import { failureOf, readFailure, workflowFailure } from './failures.ts';
import { activity } from './proxies.ts';
import { endWait, hostOf, type Run } from './run.ts';
import { timeLeftMs } from './time-left.ts';

/**
 * Waits for what a new host does at its first boot, one event after another. The timeout continues while the connection is broken, and
 * ends with a failure that names the event.
 */
export async function awaitBootstrap(
  run: Run,
  { cloudInit, marker, packages, timeoutMs }: ResolvedBootstrap,
): Promise<void> {
  const sinceMs = Date.now();
  const events: BootEvent[] = [
    ...(cloudInit ? (['init'] as const) : []),
    ...(marker === undefined ? [] : [{ file: marker }]),
    ...(packages ? (['packages'] as const) : []),
  ];
  try {
    for (const event of events) await awaitEvent(run, event, { sinceMs, timeoutMs });
  } finally {
    endWait(run);
  }
}

async function awaitEvent(
  run: Run,
  event: BootEvent,
  { sinceMs, timeoutMs }: { readonly sinceMs: number; readonly timeoutMs: number },
): Promise<void> {
  const { status } = run;
  const host = hostOf(run);
  status.waitingFor = describeBootEvent(event);
  status.waitingUntilMs = sinceMs + timeoutMs;
  run.onChange();
  const summary = `wait for ${status.waitingFor}`;
  // The worker counts from when it reached the host again, so only the workflow knows the whole time.
  const fail = (what: string, why = '') =>
    workflowFailure(failureOf('bootstrap-timeout', `${what} within ${formatTimeLeft(timeoutMs)}${why}`));
  const { recovered } = await askHost<{ readonly recovered?: string }>(run, {
    place: status,
    summary,
    ask: async (options) => {
      const leftMs = timeLeftMs(timeoutMs, sinceMs);
      try {
        return await activity.awaitBootstrap(summary, { host, event, timeoutMs: leftMs }, options);
      } catch (error) {
        const { code, message } = readFailure(error);
        throw code === 'bootstrap-timeout' ? fail(message) : error;
      }
    },
    probe: async (options) => {
      await activity.probeHost('probe host', { target: host.target }, options);
      return undefined;
    },
    deadlineMs: () => sinceMs + timeoutMs + run.plan.connectTimeoutMs,
    onLate: (failure) => {
      throw fail(describeLateEvent(event), `: ${failure?.message ?? 'no answer in time'}`);
    },
  });
  if (recovered !== undefined) status.notes = [...(status.notes ?? []), recovered];
}
