import type { PreparedHost } from '../activities/activity-types.ts';
import { hasSucceeded, notesOf, type LaunchState } from '../domain/run/launch-state.ts';
import { listPartRefs, type Part } from '../domain/run/part.ts';
import { NO_LAUNCH } from '../domain/run/part-record.ts';
import { isAdopted, isSkippedIn } from '../domain/run/forecast.ts';
import { askForRun } from './ask-host.ts';
import { activity } from './proxies.ts';
import { findPart, hostOf, type Run } from './run.ts';

const PATIENCE_MS = 15 * 60_000;

/**
 * Continues the work of a self-provisioning script, or of an earlier run that lost the host, for the same plan: done parts stay
 * done, the run waits for running ones, and failed or interrupted ones get another attempt. After a reset of the workflow, the
 * retry policy or an operator decides about those, as before. A script that has provisioned its host leaves nothing to adopt.
 * Parts that an operator skipped are pending, however their launches ended, and so are those that other work has launched since.
 */
export async function adoptLaunches(run: Run, { script, adopted, sentinel }: PreparedHost): Promise<void> {
  const owner = isAdopted(script, run.digest) ? script?.owner : adopted?.owner;
  if (owner === undefined) return;
  run.owner = owner;
  const summary = 'list earlier launches';
  const wanted = { host: hostOf(run), owner, parts: listPartRefs(run.plan.steps) };
  const found = await askForRun(run, summary, PATIENCE_MS, (options) =>
    activity.surveyLaunches(summary, wanted, options),
  );
  const isOwn = adopted?.isOwn === true;
  for (const { launch, state } of found) {
    const part = findPart(run, launch);
    if (!part) continue;
    part.status.attempt = launch.attempt;
    const isOutdated = part.latest !== NO_LAUNCH && part.latest !== launch.id;
    const isForced = run.plan.run.forced.includes(part.name) && !isOwn && state.kind === 'exited';
    // A parked part keeps waiting for its operator.
    if (part.status.state !== 'parked') {
      const isVoid = isOutdated || isForced || isSkippedIn(sentinel, run.digest, launch);
      adoptState(part, isVoid ? { kind: 'absent' } : state, isOwn);
    }
    if (!isOutdated) {
      part.latest = launch.id;
      part.recorded = undefined;
    }
    part.showSession(launch);
    const isOver = state.kind === 'exited' ? 'ended' : 'open';
    part.track(launch, part.status.state === 'succeeded' ? 'succeeded' : isOver);
  }
}

function adoptState(part: Part, state: LaunchState, isOwn: boolean): void {
  const { status } = part;
  // The run waits for a failed launch too: the wait ends at once with its failure.
  const hasFailed = state.kind === 'interrupted' || (state.kind === 'exited' && !hasSucceeded(state));
  if (state.kind === 'created' || state.kind === 'running' || (isOwn && hasFailed)) {
    status.state = 'running';
    status.startedAtMs = Date.now();
    part.attempts = isOwn ? status.attempt : 1;
  } else if (hasSucceeded(state)) {
    part.end('succeeded', state.endedAtMs);
    status.startedAtMs = state.endedAtMs - state.elapsedMs;
    const notes = notesOf(state);
    if (notes.length > 0) status.notes = notes;
  } else status.state = 'pending';
}
