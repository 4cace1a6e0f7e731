import { Context } from '@temporalio/activity';
import { ChandlerError } from '../domain/failure.ts';
import { isAdopted } from '../domain/forecast.ts';
import type { ResolvedPlan } from '../domain/plan.ts';
import { checkNow, lookAtHost, lookAtLaunches, type HostLook, type LookDeps } from '../host/inspect.ts';
import { renderCheck } from '../host/launch-body.ts';
import { forecastZmx } from '../host/zmx-forecast.ts';
import { trySessions } from '../ssh/index.ts';
import { detailsOf } from './boundary.ts';
import { connectTo, type ActivityDeps } from './deps.ts';
import { withHeartbeats } from './heartbeat.ts';
import { decodeHolder, SCRIPT_HOLDER } from './lease.ts';
import { surveyLaunches } from './script.ts';
import type { Activities, HostSight, WorkerSight } from './types.ts';

/** As many sessions as a run has over one connection, and one more for a person. */
const SESSIONS = 6;

/** Looks at the worker, and through it at a host. Nothing is changed there. */
export function lookActivities(
  deps: ActivityDeps,
): Pick<Activities, 'inspectWorker' | 'lookAtHost' | 'checkStep'> {
  return {
    inspectWorker: (input) => seeWorker(deps, input),

    async lookAtHost(input) {
      const resolved = await deps.resolveTarget(input.target);
      const executor = await connectTo(deps, input.target);
      const { programs, zmx, isOpen } = deps;
      return withHeartbeats({}, ({ signal }) =>
        seeHost(
          { executor, programs, signal, zmx, isOpen, trySessions: (count) => trySessions(resolved, count) },
          input,
        ),
      );
    },

    async checkStep({ target, stateDir, step, id }) {
      const executor = await connectTo(deps, target);
      const script = renderCheck(step.check ?? '', {
        ...step.env,
        ...(await deps.resolveSecrets(step.secrets)),
      });
      return withHeartbeats({ step: step.name }, ({ signal }) =>
        checkNow({ executor, programs: deps.programs, signal }, stateDir, id, script),
      );
    },
  };
}

/** The worker as it sees itself; the engine's time of the order tells its clock. */
async function seeWorker(
  deps: Pick<ActivityDeps, 'inspectSelf' | 'resolveSecrets'>,
  { secrets }: Parameters<Activities['inspectWorker']>[0],
): Promise<WorkerSight> {
  const { currentAttemptScheduledTimestampMs: orderedAtMs } = Context.current().info;
  const aheadMs = Date.now() - orderedAtMs;
  const lacks = await Promise.all(
    Object.entries(secrets).map(async ([step, references]) => {
      try {
        await deps.resolveSecrets(references);
        return [];
      } catch (error) {
        if (!(error instanceof ChandlerError)) throw error;
        return [{ step, failure: detailsOf(error) }];
      }
    }),
  );
  return { ...(await deps.inspectSelf()), aheadMs, lacks: lacks.flat() };
}

/** Looks at a host for one plan, or for none in particular. Changes nothing there. */
async function seeHost(
  deps: LookDeps &
    Pick<ActivityDeps, 'zmx' | 'isOpen'> & { readonly trySessions: (count: number) => Promise<number> },
  input: Parameters<Activities['lookAtHost']>[0],
): Promise<HostSight> {
  const { sentinelPath, marker, digest, parts = [], zmx } = input;
  const askedMs = Date.now();
  const { lease, ...look } = await lookAtHost(deps, {
    ...(sentinelPath !== undefined && { sentinelPath }),
    ...(marker !== undefined && { marker }),
  });
  // The host tells whole seconds: the middle of the one that it names.
  const aheadMs = look.nowMs + 500 - (askedMs + Date.now()) / 2;
  const { script, facts } = look;
  const states = (ids: readonly string[]) => lookAtLaunches(deps, facts.stateDir, ids);
  const [holder, launches, forecast, opened] = await Promise.all([
    lease === '' ? undefined : readHolder(lease, script, deps.isOpen),
    script && digest !== undefined && isAdopted(script, digest)
      ? surveyLaunches({ states }, script.owner, parts)
      : [],
    forecastZmx({ lease, ...look }, { ...deps.zmx, spec: zmx ?? ({} satisfies ResolvedPlan['zmx']) }),
    input.trySessions ? deps.trySessions(SESSIONS) : undefined,
  ]);
  return {
    ...look,
    aheadMs: Math.round(aheadMs),
    ...(holder && { holder }),
    launches,
    zmx: forecast,
    ...(opened !== undefined && { sessions: { tried: SESSIONS, opened } }),
  };
}

async function readHolder(
  word: string,
  script: HostLook['script'],
  isOpen: ActivityDeps['isOpen'],
): Promise<HostSight['holder']> {
  if (word.startsWith(SCRIPT_HOLDER)) return { kind: 'script', atWork: script?.alive === true };
  const holder = decodeHolder(word);
  if (!holder) return { kind: 'foreign', atWork: false };
  const { workflowId, firstRunId, namespace } = holder;
  return { kind: 'run', workflowId, runId: firstRunId, namespace, atWork: await isOpen(holder) };
}
