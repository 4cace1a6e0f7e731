import { Context } from '@temporalio/activity';
import { definedOnly } from '../domain/defined-only.ts';
import type { StepAnswer } from '../domain/run/drift.ts';
import { ChandlerError } from '../domain/run/failure.ts';
import { isAdopted, skippingOwner } from '../domain/run/forecast.ts';
import { withOwners } from '../domain/run/leftovers.ts';
import type { ResolvedPlan } from '../domain/plan/resolve-plan.ts';
import {
  runCheck,
  inspectHost,
  inspectLaunches,
  type HostReport,
  type InspectDeps,
} from '../host/host-report.ts';
import { compareFiles, type Comparison } from '../host/compare-files.ts';
import { renderCheck } from '../host/launch-body.ts';
import { forecastZmx } from '../host/zmx-forecast.ts';
import { countExecs } from './count-execs.ts';
import { connectTo, type ActivityDeps } from '../activities/activity-deps.ts';
import { resolveContents } from '../activities/step-contents.ts';
import { detailsOf } from '../activities/temporal-failure.ts';
import { withHeartbeats } from '../activities/with-heartbeats.ts';
import { findLacks, type LackDeps } from '../activities/find-lacks.ts';
import { readPins } from '../activities/read-pins.ts';
import { isScriptHolder, ownerOf, ownersOf } from '../activities/take-lease.ts';
import { decodeHolder } from '../activities/lease-holder.ts';
import { surveyLaunches } from '../self-provision/script-activities.ts';
import type { Activities, HostInspection, WorkerInspection } from '../activities/activity-types.ts';

/** One more than a run opens over one connection, for an operator. */
const EXECS = 6;
const LATE = { facts: { advice: 'Find out on the host what the check, or reading the file, waits for.' } };

/** Inspects the worker and hosts, without changing them. */
export function inspectActivities(
  deps: ActivityDeps,
): Pick<Activities, 'inspectWorker' | 'inspectHost' | 'checkStep'> {
  return {
    inspectWorker: (input) => inspectWorkerItself(deps, input),

    async inspectHost(input) {
      const executor = await connectTo(deps, input.target);
      const { programs, zmx, isOpen } = deps;
      return withHeartbeats({}, ({ signal }) =>
        inspectOneHost(
          {
            executor,
            programs,
            signal,
            zmx,
            isOpen,
            countExecs: async (count) => countExecs(await deps.resolveTarget(input.target), count),
          },
          input,
        ),
      );
    },

    async checkStep({ target, stateDir, step, id }) {
      const executor = await connectTo(deps, target);
      const { secrets, files } = await resolveContents(deps, step);
      return withHeartbeats({ step: step.name }, async ({ signal }) => {
        const host = { executor, programs: deps.programs, signal };
        const script = renderCheck(step.check ?? '', { ...step.env, ...secrets }, []);
        const [code, comparison] = await Promise.all([
          step.check === undefined ? undefined : runCheck(host, stateDir, id, script),
          files.length === 0 ? { differences: [], unread: [] } : compareFiles(host, files),
        ]);
        return stepAnswer(code, comparison);
      });
    },
  };
}

/** What is late is unknown: it may be in order. */
function stepAnswer(code: number | 'late' | undefined, { differences, unread }: Comparison): StepAnswer {
  const late = [
    ...(code === 'late' ? ['its check has not ended within a minute'] : []),
    ...(unread.length > 0 ? [`could not read within a minute: ${unread.join(', ')}`] : []),
  ];
  return definedOnly({
    code: code === 'late' ? undefined : code,
    files: differences.length === 0 ? undefined : differences,
    failure:
      late.length === 0 ? undefined : detailsOf(new ChandlerError('step-timeout', late.join('; '), LATE)),
  });
}

/** Inspects this worker. The server's scheduling time shows how far the worker's clock is off. */
async function inspectWorkerItself(
  deps: LackDeps & Pick<ActivityDeps, 'inspectSelf' | 'readFile'>,
  { plan }: Parameters<Activities['inspectWorker']>[0],
): Promise<WorkerInspection> {
  const { currentAttemptScheduledTimestampMs: orderedAtMs } = Context.current().info;
  const aheadMs = Date.now() - orderedAtMs;
  const [self, lacks, { pins, lacks: missing }] = await Promise.all([
    deps.inspectSelf(),
    plan ? findLacks(deps, plan) : [],
    readPins(deps, plan),
  ]);
  return { ...self, aheadMs, lacks: [...lacks, ...missing], ...(pins && { pins }) };
}

/** Inspects a host for one plan, or in general. */
async function inspectOneHost(
  deps: InspectDeps &
    Pick<ActivityDeps, 'zmx' | 'isOpen'> & { readonly countExecs: (count: number) => Promise<number> },
  input: Parameters<Activities['inspectHost']>[0],
): Promise<HostInspection> {
  const { sentinelPath, marker, plan, digest, parts = [], zmx } = input;
  const askedMs = Date.now();
  const { lease, leftovers, ...report } = await inspectHost(deps, {
    sentinelPath,
    marker,
    plan,
    timeLogin: input.countExecs === true,
  });
  // The host reports whole seconds; adding half a second gives the best estimate.
  const aheadMs = report.nowMs + 500 - (askedMs + Date.now()) / 2;
  const { script, facts } = report;
  const states = (ids: readonly string[]) => inspectLaunches(deps, facts.stateDir, ids);
  const former = decodeHolder(lease);
  const holder = lease === '' ? undefined : await readHolder(lease, script, deps.isOpen);
  const atWork = holder?.kind === 'run' && holder.atWork;
  const owner =
    script && digest !== undefined && isAdopted(script, digest)
      ? script.owner
      : former && !atWork && former.digest === digest
        ? ownerOf(former)
        : digest !== undefined
          ? skippingOwner(report.sentinel.content, digest)
          : undefined;
  const [launches, forecast, opened] = await Promise.all([
    owner === undefined ? [] : surveyLaunches({ states }, owner, parts),
    forecastZmx(
      { lease, leftovers, ...report },
      { ...deps.zmx, spec: zmx ?? ({} satisfies ResolvedPlan['zmx']) },
    ),
    input.countExecs ? deps.countExecs(EXECS) : undefined,
  ]);
  return definedOnly({
    ...report,
    aheadMs: Math.round(aheadMs),
    holder,
    leftovers: withOwners(leftovers, ownersOf(former, atWork, script)),
    launches,
    zmx: forecast,
    execs: opened === undefined ? undefined : { tried: EXECS, opened },
  });
}

async function readHolder(
  word: string,
  script: HostReport['script'],
  isOpen: ActivityDeps['isOpen'],
): Promise<HostInspection['holder']> {
  if (isScriptHolder(word)) return { kind: 'script', atWork: script?.alive === true };
  const holder = decodeHolder(word);
  if (!holder) return { kind: 'unknown', atWork: false };
  const { workflowId, firstRunId, namespace, digest } = holder;
  const atWork = await isOpen(holder);
  return definedOnly({ kind: 'run', workflowId, runId: firstRunId, namespace, atWork, digest });
}
