import { sessionName } from '../domain/ids.ts';
import type { LaunchState } from '../domain/launch-state.ts';
import type { PartStatus } from '../domain/status.ts';
import type { HostRef, PartRef } from '../activities/types.ts';
import type { ScriptState } from '../host/script-state.ts';
import { activity } from './proxies.ts';
import { hostOf, partKey, stepStatus, type Run } from './run.ts';

/** Makes sure that the host has a zmx, and tells people how to attach with it. */
export async function installZmx(run: Run): Promise<void> {
  const host = hostOf(run);
  const zmx = await activity.installZmx('install zmx', { host, zmx: run.plan.zmx });
  run.host = { ...host, zmx };
  run.status.attach = attachText(host, zmx.path);
}

/** What a person types on the host, with `NAME` for the session. */
export function attachText({ target, facts }: HostRef, zmxPath: string): string {
  const become = target.become === undefined ? '' : `${target.become} `;
  return `${become}ZMX_DIR=${facts.zmxDir} ${zmxPath} attach NAME`;
}

/**
 * Goes on from what the host's own script has done for the same plan: what it has finished stays so, what it has begun
 * is waited for, and what failed or was cut short is tried again. One whose host was provisioned before has nothing to
 * hand over: whoever took the sentinel away wants it all to run again.
 */
export async function adoptLaunches(run: Run, script: ScriptState | undefined): Promise<void> {
  if (script?.digest !== run.digest || script.phase === 'provisioned') return;
  run.owner = script.owner;
  const found = await activity.surveyLaunches('see what the script of the host has done', {
    host: hostOf(run),
    owner: script.owner,
    parts: partsOf(run),
  });
  for (const { launch, state } of found) {
    const status = stepStatus(run, launch.step);
    const part = launch.kind === 'step' ? status : status.finalizer;
    if (!part) continue;
    part.generation = launch.generation;
    // One that is parked waits for the person who was told so.
    if (part.state !== 'parked') Object.assign(part, adoptedState(state));
    const session = sessionName(launch);
    if (session !== undefined) {
      status.session = session;
      run.launched.push(launch);
    }
    if (part.state === 'running') run.tries.set(partKey(launch.kind, launch.step), 1);
    if (part.state !== 'succeeded') run.live.set(launch.id, { launch, ended: state.kind === 'exited' });
  }
}

/** Every step and finalizer of a run. */
export function partsOf({ plan }: Pick<Run, 'plan'>): PartRef[] {
  return plan.steps.flatMap(({ name, finalize }) => [
    { step: name, kind: 'step' as const },
    ...(finalize === undefined ? [] : [{ step: name, kind: 'finalizer' as const }]),
  ]);
}

function adoptedState(state: LaunchState): Partial<PartStatus> {
  if (state.kind === 'created' || state.kind === 'running')
    return { state: 'running', startedAtMs: Date.now() };
  if (state.kind !== 'exited' || state.code !== 0) return { state: 'pending' };
  const { endedAtMs, elapsedMs } = state;
  return { state: 'succeeded', startedAtMs: endedAtMs - elapsedMs, endedAtMs };
}
