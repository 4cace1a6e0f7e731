import { makeLaunch, type Launch } from '../domain/run/ids.ts';
import type { LaunchState } from '../domain/run/launch-state.ts';
import { ChandlerError } from '../domain/run/failure.ts';
import { formatProblems } from '../domain/plan/problems.ts';
import type { Plan } from '../domain/plan/schema.ts';
import { validatePlan } from '../domain/plan/validate.ts';
import type { Host } from '../host/host.ts';
import type { ScriptState } from '../host/script-state.ts';
import { sha256Of } from '../host/sha256.ts';
import { detailsOf } from '../activities/temporal-failure.ts';
import { hostOf, onHost, type ActivityDeps } from '../activities/activity-deps.ts';
import { withHeartbeats } from '../activities/with-heartbeats.ts';
import { failureOfLaunch } from '../activities/wait-for-end.ts';
import type { Activities, HostRef, PartRef } from '../activities/activity-types.ts';
import type { ScriptPart, ScriptView } from '../activities/script-view.ts';
import { definedOnly } from '../domain/defined-only.ts';

/** The time of one call that watches the script, in seconds. */
const FOLLOW_S = 600;
/** The time for a script to end everything that it has started, in seconds. */
const STOP_S = 50;

type ScriptActivities = Pick<Activities, 'surveyLaunches' | 'followScript' | 'readScriptPlan' | 'stopScript'>;

/** The activities about a self-provisioning host and its script. */
export function scriptActivities(deps: ActivityDeps): ScriptActivities {
  return {
    surveyLaunches: ({ host: ref, owner, parts }) =>
      onHost(deps, ref, (host) => surveyLaunches(host, owner, parts)),

    async followScript({ host: ref, parts, sentinelPath, seen }) {
      const host = await hostOf(deps, ref);
      const view = async () => {
        const script = await host.readScript();
        if (script && script.zmxPath !== '')
          host.zmx = { path: script.zmxPath, version: '', source: 'existing' };
        return viewScript(host, ref, script, parts, sentinelPath);
      };
      return deps.waits.hold(() =>
        withHeartbeats({}, ({ signal }) => followScript(host, parts, view, seen, signal)),
      );
    },

    readScriptPlan: ({ host: ref }) =>
      onHost(deps, ref, async (host) => readPlan(await host.readScriptPlan(), ref)),

    stopScript: ({ host: ref }) =>
      onHost(deps, ref, async (host, signal) => {
        if (!(await host.endScript('stop', STOP_S, signal)))
          throw new ChandlerError('connection-lost', 'the provisioning script does not end');
      }),
  };
}

/** The latest launch of each part and its state; parts without a launch are left out. */
export async function surveyLaunches(
  host: Pick<Host, 'states'>,
  owner: string,
  parts: readonly PartRef[],
): Promise<{ launch: Launch; state: LaunchState }[]> {
  const latest = new Map<PartRef, { launch: Launch; state: LaunchState }>();
  let open = parts;
  for (let attempt = 1; open.length > 0; attempt += 1) {
    const launches = open.map(({ step, kind }) => makeLaunch(owner, step, kind, attempt));
    const states = await host.states(launches.map(({ id }) => id));
    open = open.filter((part, i) => {
      const launch = launches[i];
      const state = launch && states.get(launch.id);
      if (!launch || !state || state.kind === 'absent') return false;
      latest.set(part, { launch, state });
      return true;
    });
  }
  return [...latest.values()];
}

/** Reads the state of a script and its parts. */
async function viewScript(
  host: Host,
  ref: HostRef,
  script: ScriptState | undefined,
  parts: readonly PartRef[],
  sentinelPath: string | undefined,
): Promise<ScriptView> {
  const path = sentinelPath ?? script?.sentinelPath ?? `${ref.facts.stateDir}/provisioned`;
  const sentinel = script?.alive ? undefined : await host.readSentinel(path);
  const launches = script ? await surveyLaunches(host, script.owner, parts) : [];
  const view = definedOnly({
    script,
    sentinelPath: path,
    sentinel,
    parts: await Promise.all(
      launches.map(async ({ launch, state }): Promise<ScriptPart> => {
        const outcome = script?.outcomes[`${launch.kind}.${launch.step}`];
        const watched = { host, ref, launch, secrets: [] };
        const failure = outcome === 'failed' ? detailsOf(await failureOfLaunch(watched, state)) : undefined;
        return definedOnly({ launch, state: settled(state), outcome, failure });
      }),
    ),
  });
  return { ...view, seen: sha256Of(JSON.stringify(view)).slice(0, 20) };
}

/** Waits until the state of a script differs from `seen`. */
async function followScript(
  host: Host,
  parts: readonly PartRef[],
  view: () => Promise<ScriptView>,
  seen: string,
  signal: AbortSignal,
): Promise<ScriptView> {
  let mark = '';
  let ids: readonly string[] = [];
  for (;;) {
    // The mark is older than the view, so every change between the two ends the wait.
    const next = await host.followScript(mark, ids, mark === '' ? 0 : FOLLOW_S, signal);
    const found = await view();
    if (found.seen !== seen) return found;
    const wanted = launchesToWatch(found, parts);
    mark = wanted.join() === ids.join() ? next : '';
    ids = wanted;
  }
}

/** The latest launch of each part, and the one that may follow. */
function launchesToWatch({ script, parts: found }: ScriptView, parts: readonly PartRef[]): string[] {
  if (!script) return [];
  return parts.flatMap(({ step, kind }) => {
    const latest = found.find(({ launch }) => launch.step === step && launch.kind === kind);
    const next = makeLaunch(script.owner, step, kind, (latest?.launch.attempt ?? 0) + 1);
    return latest ? [latest.launch.id, next.id] : [next.id];
  });
}

/** Omits the size of the log, which changes all the time. */
function settled(state: LaunchState): LaunchState {
  return state.kind === 'running' ? { ...state, logBytes: 0 } : state;
}

/**
 * Validates the plan that a host reports.
 *
 * @throws ChandlerError host-unsupported
 */
function readPlan(text: string, { target }: HostRef): Omit<Plan, 'target'> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  const { plan, problems } = validatePlan({ ...(value as object), target });
  if (plan) {
    const { target: _, ...work } = plan;
    return work;
  }
  throw new ChandlerError(
    'host-unsupported',
    `the script on the host carries no valid plan: ${formatProblems(problems)}`,
  );
}
