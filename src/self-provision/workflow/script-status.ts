import type { ScriptPart, ScriptView } from '../../activities/script-view.ts';
import { readSentinel } from '../../domain/run/sentinel.ts';
import { hasSucceeded, notesOf, type LaunchState } from '../../domain/run/launch-state.ts';
import type { Part } from '../../domain/run/part.ts';
import { isDone, type PartFailure, type PartState } from '../../domain/run/status.ts';
import type { ScriptState } from '../../host/script-state.ts';
import { findPart, type Run } from '../../workflows/run.ts';

const OUTCOMES: Readonly<Record<string, PartState>> = {
  succeeded: 'succeeded',
  satisfied: 'satisfied',
  unchanged: 'unchanged',
  failed: 'parked',
  blocked: 'pending',
};

export function showScript(run: Run, { parts }: ScriptView, script: ScriptState): void {
  for (const part of run.parts) {
    const { name, kind } = part;
    const found = parts.find(({ launch }) => launch.step === name && launch.kind === kind);
    const outcome = OUTCOMES[script.outcomes[`${kind}.${name}`] ?? ''];
    showPart(part, outcome ?? (found ? stateOf(found.state, script.alive) : 'pending'), found);
  }
}

/** Shows which parts were skipped by a run that provisioned the host in place of its script. */
export function showSkipped(run: Run, sentinel: string | undefined): void {
  const { skipped } = readSentinel(sentinel);
  for (const { step, kind } of skipped) {
    const part = findPart(run, { step, kind });
    if (part) part.status.state = 'skipped';
  }
}

function showPart(part: Part, state: PartState, found: ScriptPart | undefined): void {
  const { status } = part;
  if (!found) {
    status.state = state;
    return;
  }
  const { startedAtMs = Date.now(), endedAtMs = Date.now() } = status;
  const isSameLaunch = found.launch.attempt === status.attempt;
  part.enter(state);
  part.showSession(found.launch);
  status.attempt = found.launch.attempt;
  const notes = notesOf(found.state);
  if (notes.length > 0) status.notes = notes;
  if (found.failure) status.failure = found.failure;
  if (found.state.kind === 'exited') {
    status.endedAtMs = found.state.endedAtMs;
    status.startedAtMs = found.state.endedAtMs - found.state.elapsedMs;
    status.exitCode = found.state.code;
    return;
  }
  status.startedAtMs = isSameLaunch ? startedAtMs : Date.now();
  if (state !== 'running') status.endedAtMs = isSameLaunch ? endedAtMs : Date.now();
}

function stateOf(state: LaunchState, alive: boolean): PartState {
  if (state.kind === 'created' || state.kind === 'running') return 'running';
  if (hasSucceeded(state)) return 'succeeded';
  return alive ? 'retrying' : 'pending';
}

/** Parks what the script began and did not finish, so that an operator can retry it. Returns false if there is nothing. */
export function parkUnfinished(run: Run, failure: PartFailure): boolean {
  const unfinished = run.parts.filter(({ status }) => status.attempt > 0 && !isDone(status));
  for (const part of unfinished) if (part.status.state !== 'parked') part.end('parked', Date.now(), failure);
  return unfinished.length > 0;
}
