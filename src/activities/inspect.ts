import { Context } from '@temporalio/activity';
import { ChandlerError } from '../domain/failure.ts';
import { isAdopted } from '../domain/forecast.ts';
import type { ResolvedPlan } from '../domain/plan.ts';
import { lookAtHost, lookAtLaunches, type HostLook, type LookDeps } from '../host/inspect.ts';
import type { ZmxSource } from '../host/install-zmx.ts';
import { forecastZmx } from '../host/zmx-forecast.ts';
import { detailsOf } from './boundary.ts';
import { decodeHolder, SCRIPT_HOLDER } from './lease.ts';
import { surveyLaunches } from './script.ts';
import type { Activities, HostSight, LeaseHolder, WorkerSight } from './types.ts';

/** As many sessions as a run has over one connection, and one more for a person. */
const SESSIONS = 6;

/** What a worker knows of itself. */
export type SelfSight = Omit<WorkerSight, 'aheadMs' | 'lacks'>;

/** The worker as it sees itself; the engine's time of the order tells its clock. */
export async function seeWorker(
  deps: {
    readonly inspectSelf: () => Promise<SelfSight>;
    readonly resolveSecrets: (references: Readonly<Record<string, string>>) => Promise<unknown>;
  },
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
export async function seeHost(
  deps: LookDeps & {
    readonly zmx: ZmxSource;
    readonly isOpen: (holder: LeaseHolder) => Promise<boolean>;
    readonly trySessions: (count: number) => Promise<number>;
  },
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
  isOpen: (holder: LeaseHolder) => Promise<boolean>,
): Promise<HostSight['holder']> {
  if (word.startsWith(SCRIPT_HOLDER)) return { kind: 'script', atWork: script?.alive === true };
  const holder = decodeHolder(word);
  if (!holder) return { kind: 'foreign', atWork: false };
  const { workflowId, firstRunId, namespace } = holder;
  return { kind: 'run', workflowId, runId: firstRunId, namespace, atWork: await isOpen(holder) };
}
