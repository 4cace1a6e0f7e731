import { makeLaunch, type Launch } from '../domain/ids.ts';
import type { LaunchState } from '../domain/launch-state.ts';
import { ChandlerError } from '../domain/failure.ts';
import { formatProblems } from '../domain/problems.ts';
import type { Plan } from '../domain/schema.ts';
import type { PartFailure } from '../domain/status.ts';
import { validatePlan } from '../domain/validate.ts';
import type { Host } from '../host/host.ts';
import type { ScriptState } from '../host/script-state.ts';
import { sha256Of } from '../host/sha256.ts';
import type { Runner } from '../provision/runner.ts';
import { detailsOf } from './boundary.ts';
import { openRunner, type ActivityDeps } from './deps.ts';
import { withHeartbeats } from './heartbeat.ts';
import { failureOfLaunch } from './launches.ts';
import type { Activities, HostRef, PartRef, ScriptPart, ScriptView } from './types.ts';

/** Seconds that the host watches before it is asked anew. */
const FOLLOW_S = 600;
/** Seconds that a script has to end everything it has started. */
const STOP_S = 50;

type ScriptActivities = Pick<Activities, 'surveyLaunches' | 'followScript' | 'readScriptPlan' | 'stopScript'>;

/** What is asked of a host that provisions itself, and of its script. */
export function scriptActivities(deps: ActivityDeps): ScriptActivities {
  return {
    async surveyLaunches({ host, owner, parts }) {
      const runner = await openRunner(deps, host);
      return withHeartbeats({}, () => surveyLaunches(runner.host, owner, parts));
    },

    async followScript({ host, parts, sentinelPath, seen }) {
      const runner = await openRunner(deps, host);
      const view = async () => {
        const script = await runner.host.readScript();
        const zmx =
          script && script.zmxPath !== ''
            ? { path: script.zmxPath, version: '', source: 'existing' as const }
            : undefined;
        const runnerOfScript = await openRunner(deps, { ...host, ...(zmx && { zmx }) });
        return viewScript(runnerOfScript, host, script, parts, sentinelPath);
      };
      return withHeartbeats({}, ({ signal }) => followScript(runner, parts, view, seen, signal));
    },

    async readScriptPlan({ host }) {
      const runner = await openRunner(deps, host);
      return withHeartbeats({}, async () => readPlan(await runner.host.readScriptPlan(), host));
    },

    async stopScript({ host }) {
      const runner = await openRunner(deps, host);
      await withHeartbeats({}, async ({ signal }) => {
        if (!(await runner.host.endScript('stop', STOP_S, signal)))
          throw new ChandlerError('connection-lost', 'the provisioning script does not end');
      });
    },
  };
}

/** The latest launch of each part, and what became of it; parts that never began are left out. */
export async function surveyLaunches(
  host: Pick<Host, 'states'>,
  owner: string,
  parts: readonly PartRef[],
): Promise<{ launch: Launch; state: LaunchState }[]> {
  const latest = new Map<PartRef, { launch: Launch; state: LaunchState }>();
  let open = parts;
  for (let generation = 1; open.length > 0; generation += 1) {
    const launches = open.map(({ step, kind }) => makeLaunch(owner, step, kind, generation));
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

/** What can be seen of a script at one moment. */
async function viewScript(
  runner: Runner,
  host: HostRef,
  script: ScriptState | undefined,
  parts: readonly PartRef[],
  sentinelPath: string | undefined,
): Promise<ScriptView> {
  const path = sentinelPath ?? script?.sentinelPath ?? `${host.facts.stateDir}/provisioned`;
  const sentinel = script?.alive ? undefined : await runner.host.readSentinel(path);
  const launches = script ? await surveyLaunches(runner.host, script.owner, parts) : [];
  const view = {
    ...(script && { script }),
    sentinelPath: path,
    ...(sentinel !== undefined && { sentinel }),
    parts: await Promise.all(
      launches.map(async ({ launch, state }): Promise<ScriptPart> => {
        const outcome = script?.outcomes[`${launch.kind}.${launch.step}`];
        const failure = outcome === 'failed' ? await describeFailure(runner, host, launch, state) : undefined;
        return {
          launch,
          state: settled(state),
          ...(outcome !== undefined && { outcome }),
          ...(failure && { failure }),
        };
      }),
    ),
  };
  return { ...view, seen: sha256Of(JSON.stringify(view)).slice(0, 20) };
}

/** Waits until a script is no longer as `seen` tells. */
async function followScript(
  runner: Runner,
  parts: readonly PartRef[],
  view: () => Promise<ScriptView>,
  seen: string,
  signal: AbortSignal,
): Promise<ScriptView> {
  let mark = '';
  let ids: readonly string[] = [];
  for (;;) {
    // The mark is older than the look, so nothing that happens in between is missed.
    const next = await runner.host.followScript(mark, ids, mark === '' ? 0 : FOLLOW_S, signal);
    const found = await view();
    if (found.seen !== seen) return found;
    const wanted = launchesToWatch(found, parts);
    mark = wanted.join() === ids.join() ? next : '';
    ids = wanted;
  }
}

/** The latest launch of each part, and the one that would follow it. */
function launchesToWatch({ script, parts: found }: ScriptView, parts: readonly PartRef[]): string[] {
  if (!script) return [];
  return parts.flatMap(({ step, kind }) => {
    const latest = found.find(({ launch }) => launch.step === step && launch.kind === kind);
    const next = makeLaunch(script.owner, step, kind, (latest?.launch.generation ?? 0) + 1);
    return latest ? [latest.launch.id, next.id] : [next.id];
  });
}

async function describeFailure(
  runner: Runner,
  host: HostRef,
  launch: Launch,
  state: LaunchState,
): Promise<PartFailure> {
  return detailsOf(await failureOfLaunch(runner, host, launch, state, []));
}

/** Without what changes all the time. */
function settled(state: LaunchState): LaunchState {
  return state.kind === 'running' ? { ...state, logBytes: 0 } : state;
}

/**
 * Judges the plan that a host says its script has: it may hold anything.
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
    `the plan of the host's script is none: ${formatProblems(problems)}`,
  );
}
