import type { ScriptPart, ScriptView } from '../activities/types.ts';
import { sessionName } from '../domain/ids.ts';
import type { LaunchState } from '../domain/launch-state.ts';
import { activePart, isDone, type PartFailure, type PartState, type PartStatus } from '../domain/status.ts';
import type { ScriptState } from '../host/script-state.ts';
import { partsOf } from './adopt.ts';
import { stepStatus, type Run } from './run.ts';

const OUTCOMES: Readonly<Record<string, PartState>> = {
  succeeded: 'succeeded',
  satisfied: 'satisfied',
  failed: 'parked',
  blocked: 'pending',
};

/** Shows how the parts of a script are in the words of a run. */
export function showScript(run: Run, { parts }: ScriptView, script: ScriptState): void {
  for (const { step, kind } of partsOf(run)) {
    const status = stepStatus(run, step);
    const part = kind === 'step' ? status : status.finalizer;
    if (!part) continue;
    const found = parts.find(({ launch }) => launch.step === step && launch.kind === kind);
    const outcome = OUTCOMES[script.outcomes[`${kind}.${step}`] ?? ''];
    const state = outcome ?? (found ? stateOf(found.state, script.alive) : 'pending');
    showPart(part, state, found);
    const session = found && sessionName(found.launch);
    if (session !== undefined) status.session = session;
  }
}

function showPart(part: PartStatus, state: PartState, found: ScriptPart | undefined): void {
  const again = found !== undefined && found.launch.generation !== part.generation;
  part.state = state;
  if (!found) return;
  if (again) {
    part.generation = found.launch.generation;
    part.startedAtMs = Date.now();
    delete part.endedAtMs;
    delete part.exitCode;
  }
  delete part.failure;
  if (found.failure) part.failure = found.failure;
  if (found.state.kind === 'exited') {
    part.endedAtMs = found.state.endedAtMs;
    part.startedAtMs = found.state.endedAtMs - found.state.elapsedMs;
    part.exitCode = found.state.code;
  } else if (state !== 'running') part.endedAtMs ??= Date.now();
}

function stateOf(state: LaunchState, alive: boolean): PartState {
  if (state.kind === 'created' || state.kind === 'running') return 'running';
  if (state.kind === 'exited' && state.code === 0) return 'succeeded';
  return alive ? 'retrying' : 'pending';
}

/** Parks what the script has begun and not finished, so that a person can have it tried again; false if there is nothing. */
export function parkUnfinished(run: Run, failure: PartFailure): boolean {
  const unfinished = run.status.steps.map(activePart).filter((part) => part.generation > 0 && !isDone(part));
  for (const part of unfinished) {
    if (part.state === 'parked') continue;
    Object.assign(part, { state: 'parked', failure, endedAtMs: Date.now() });
  }
  return unfinished.length > 0;
}
