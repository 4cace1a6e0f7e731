import type { Client, ScheduleDescription, ScheduleHandle } from '@temporalio/client';
import { definedOnly } from '../domain/defined-only.ts';
import type { Plan } from '../domain/plan/schema.ts';
import { resolvePlan } from '../domain/plan/resolve-plan.ts';
import { validatePlan } from '../domain/plan/validate.ts';
import { describeDriftCheck } from '../domain/run/description.ts';
import { stateOfPlan, type DriftReport } from '../domain/run/drift.ts';
import { ChandlerError } from '../domain/run/failure.ts';
import { addressOf } from '../domain/run/ids.ts';
import { recordsName } from '../domain/run/part-record.ts';
import { durationMs, isDuration } from '../domain/text/duration.ts';
import { oneLine } from '../domain/text/plain-text.ts';
import type { checkDrift, CheckDriftInput } from '../workflows/index.ts';
import { readFailedEnd } from './await-answer.ts';
import type { DriftCheck, DriftSchedule, DriftSchedules, DriftTimes } from './schedule-types.ts';
import { isSdkError } from './sdk-errors.ts';
import { throwProblems } from './start-run.ts';

/** The workflow that a schedule starts. */
const CHECK = 'checkDrift';
/** A check that could not start for this time is left out: the next one finds the same. */
const CATCH_UP = '1m';

/** What the checks of a schedule carry for lists. */
interface CheckMemo {
  readonly host: string;
  readonly plan: string;
  readonly times: string;
}

export function createDriftSchedules(temporal: Client, taskQueue: string): DriftSchedules {
  return {
    create: async (plan, times, { id = defaultScheduleId(plan) } = {}) => ({
      id,
      created: await createOrUpdate(temporal, id, optionsFor(plan, times, id, taskQueue)),
    }),
    async list() {
      const ids: string[] = [];
      for await (const { scheduleId, action } of temporal.schedule.list())
        if (action?.workflowType === CHECK) ids.push(scheduleId);
      const found = await Promise.all(ids.sort().map((id) => findSchedule(temporal, id)));
      return found.flatMap((schedule) => schedule ?? []);
    },
    pause: async (id, reason) => (await requireOwn(temporal, id)).pause(reason),
    resume: async (id, reason) => (await requireOwn(temporal, id)).unpause(reason),
    async remove(id) {
      await (await requireOwn(temporal, id)).delete();
    },
  };
}

type Options = ReturnType<typeof optionsFor>;

/** @throws ChandlerError invalid-input */
function optionsFor(plan: Plan, times: DriftTimes, id: string, taskQueue: string) {
  throwProblems(validatePlan(plan).problems);
  const { every, cron } = times;
  if (every !== undefined && (!isDuration(every) || durationMs(every, 0) < 1000))
    throw new ChandlerError('invalid-input', 'every must be a duration of at least a second, such as 1h');
  const memo: CheckMemo = {
    host: addressOf(plan.target),
    plan: resolvePlan(plan).name,
    times: every === undefined ? `cron ${cron}` : `every ${typeof every === 'number' ? `${every}ms` : every}`,
  };
  return {
    spec:
      every === undefined ? { cronExpressions: [cron] } : { intervals: [{ every: durationMs(every, 0) }] },
    action: {
      type: 'startWorkflow' as const,
      workflowType: CHECK,
      workflowId: id,
      taskQueue,
      args: [{ plan }] satisfies [CheckDriftInput],
      memo: { ...memo },
      workflowExecutionTimeout: '5m' as const,
      staticSummary: describeDriftCheck(plan),
    },
    policies: { catchupWindow: CATCH_UP as typeof CATCH_UP, overlap: 'SKIP' as const },
  };
}

/** Returns whether it was created. */
async function createOrUpdate(temporal: Client, id: string, options: Options): Promise<boolean> {
  try {
    await temporal.schedule.create<typeof checkDrift>({ scheduleId: id, ...options });
    return true;
  } catch (error) {
    if (!isSdkError(error, 'ScheduleAlreadyRunning')) throw explainTimes(error);
  }
  const schedule = await requireOwn(temporal, id);
  await schedule
    .update<typeof checkDrift>(({ state }) => ({ ...options, state }))
    .catch((error: unknown) => {
      throw explainTimes(error);
    });
  return false;
}

/** The SDK reports times that the server refuses as a TypeError with the server's text. */
function explainTimes(error: unknown): unknown {
  if (!(error instanceof TypeError)) return error;
  const message = `the server refuses these times: ${oneLine(error.message)}`;
  return new ChandlerError('invalid-input', message, { cause: error });
}

/** @throws ChandlerError invalid-input for an unknown id, and for that of a schedule that does not check for drift */
async function requireOwn(temporal: Client, id: string): Promise<ScheduleHandle> {
  const description = await describe(temporal, id);
  if (!description)
    throw new ChandlerError(
      'invalid-input',
      `no schedule with the id ${oneLine(id)}. List them with: chandler schedule list`,
    );
  const { workflowType } = description.action;
  if (workflowType !== CHECK)
    throw new ChandlerError(
      'invalid-input',
      `the schedule ${oneLine(id)} does not check for drift: it starts ${oneLine(workflowType)}. Choose another id.`,
    );
  return temporal.schedule.getHandle(id);
}

async function describe(temporal: Client, id: string): Promise<ScheduleDescription | undefined> {
  try {
    return await temporal.schedule.getHandle(id).describe();
  } catch (error) {
    if (isSdkError(error, 'ScheduleNotFoundError')) return undefined;
    throw error;
  }
}

/** Each plan of a host has its own. */
function defaultScheduleId({ name, target: { host, port = 22 } }: Plan): string {
  return `drift:${host}:${port}:${recordsName(name)}`;
}

/** Undefined if it was removed while it was listed. */
async function findSchedule(temporal: Client, id: string): Promise<DriftSchedule | undefined> {
  const description = await describe(temporal, id);
  if (!description) return undefined;
  const { action, state, info } = description;
  const { host = '', plan = '', times = '' } = (action.memo ?? {}) as Partial<CheckMemo>;
  const latest = info.recentActions.at(-1);
  return definedOnly({
    id,
    host,
    plan,
    times,
    paused: state.paused,
    note: state.note === '' ? undefined : state.note,
    nextAtMs: state.paused ? undefined : info.nextActionTimes[0]?.getTime(),
    last: latest && {
      atMs: latest.takenAt.getTime(),
      workflowId: latest.action.workflow.workflowId,
      ...(await readCheck(temporal, latest.action.workflow)),
    },
  });
}

async function readCheck(
  temporal: Client,
  { workflowId, firstExecutionRunId }: { readonly workflowId: string; readonly firstExecutionRunId: string },
): Promise<Pick<DriftCheck, 'outcome' | 'message'>> {
  const check = temporal.workflow.getHandle<typeof checkDrift>(workflowId, firstExecutionRunId);
  try {
    const { status } = await check.describe();
    if (status.name === 'RUNNING') return { outcome: 'running', message: 'running' };
    const report: DriftReport = await check.result();
    return { outcome: stateOfPlan(report), message: report.message };
  } catch (error) {
    if (isSdkError(error, 'WorkflowNotFoundError'))
      return { outcome: 'unknown', message: 'the server no longer keeps it' };
    if (!isSdkError(error, 'WorkflowFailedError')) throw error;
    const { code, message } = readFailedEnd(error);
    return { outcome: 'unknown', message: oneLine(`${message} (${code})`) };
  }
}
