import { CancellationScope, condition, continueAsNew, workflowInfo } from '@temporalio/workflow';
import type { HostRef, PartRef, ScriptView } from '../activities/types.ts';
import { durationMs, formatDuration } from '../domain/duration.ts';
import type { FailureCode } from '../domain/failure.ts';
import { sentinelSaysDone } from '../domain/schedule.ts';
import type { Plan, WatchInput } from '../domain/schema.ts';
import { activePart, type PartFailure } from '../domain/status.ts';
import type { ScriptState } from '../host/script-state.ts';
import { admit } from './admission.ts';
import { adoptLaunches, attachText, installZmx, partsOf } from './adopt.ts';
import { drive, type Course, type Kind, type ProvisionResult } from './drive.ts';
import { failureOf, workflowFailure } from './failures.ts';
import { parkUnfinished, showScript } from './script-status.ts';
import { finishHost } from './finish.ts';
import { activity, admitWatch } from './proxies.ts';
import { beginRun, learnPlan, type Run } from './run.ts';
import { resumeRun, type CarriedRun } from './carry.ts';

const HOUR_MS = 3_600_000;
/** A host that boots for the first time takes its time until it can be reached. */
const CONNECT_MS = HOUR_MS / 2;
/** A script that is cut off by a reboot begins again. */
const RESTART_MS = 3 * 60_000;
/** The watch itself tells when its time is over, and in better words. */
const SLACK_MS = 60_000;

/** What a watch takes along into a fresh history, once it provisions the host itself. */
interface CarriedWatch {
  readonly plan: Plan;
  readonly run: CarriedRun;
}

/**
 * Follows a host that provisions itself to its sentinel. When its script has failed, a person may retry or skip the
 * failed steps as in {@link provision}: then the watch takes the host over, goes on from what the script has done, and
 * brings it to its end. `abort` ends the script with all it has started; a watch that is cancelled only stops watching.
 *
 * Fails with a type out of the closed set of failure codes (see domain/failure.ts).
 */
export async function watchProvisioning(input: WatchInput, carried?: CarriedWatch): Promise<ProvisionResult> {
  if (carried && workflowInfo().continuedFromExecutionRunId !== undefined) {
    return drive(resumeRun(carried.plan, carried.run), watching(input, carried.plan));
  }
  const admission = await admit(input, () => admitWatch(input));
  const nothingYet = planOf(input, { name: 'self-provisioned', steps: [] });
  return drive(beginRun(nothingYet, admission), watching(input));
}

type LearntPlan = Omit<Plan, 'target'>;

function planOf({ target, sentinel, parkTimeout, fleet, labels }: WatchInput, learnt: LearntPlan): Plan {
  return {
    ...learnt,
    target,
    ...(fleet !== undefined && { fleet }),
    ...(labels && { labels }),
    ...(sentinel && { sentinel }),
    ...(parkTimeout !== undefined && { parkTimeout }),
  };
}

function watching(input: WatchInput, known?: Plan): Kind {
  let plan = known;
  return {
    async work(run, course) {
      if (!plan) {
        run.watching = true;
        const end = await watchHost(run, input, course, (learnt) => (plan = planOf(input, learnt)));
        if (end !== 'take-over') return end;
        if (await takeOver(run, course)) return 'provisioned';
      }
      return finishHost(run, course);
    },
    again: (carried) => {
      if (!plan) throw new TypeError('a watch that knows no plan has nothing to carry');
      return continueAsNew<typeof watchProvisioning>(input, { plan, run: carried });
    },
    inputBytes: () => new TextEncoder().encode(JSON.stringify([input, plan])).length,
    async onAbort(run) {
      if (run.watching && run.host) await activity.stopScript('stop the script', { host: run.host });
    },
  };
}

/** Follows the script until the host is provisioned, or a person wants something of it. */
async function watchHost(
  run: Run,
  input: WatchInput,
  { enter, refresh }: Course,
  learn: (plan: LearntPlan) => Plan,
): Promise<ProvisionResult['outcome'] | 'take-over'> {
  const { target, sentinel } = input;
  enter('connecting');
  const facts = await activity.probeHost(
    'probe host',
    { target },
    { scheduleToCloseTimeout: durationMs(target.connectTimeout, CONNECT_MS) },
  );
  const host = { target, facts };
  run.host = host;
  enter('waiting-for-script');
  const deadlineMs = Date.now() + durationMs(input.timeout, 24 * HOUR_MS);
  let digest: string | undefined;
  let seen = '';
  let over: Over | undefined;
  let sawWork = false;
  for (;;) {
    const wanted = { host, parts: partsOf(run), seen, ...(sentinel && { sentinelPath: sentinel.path }) };
    const view = await nextView(run, wanted, untilMs(run, over, deadlineMs));
    if (view === 'decided') return 'take-over';
    if (view === 'late') {
      if (!over)
        throw workflowFailure(failureOf('bootstrap-timeout', 'the host was not provisioned in time'));
      if (isParked(run)) {
        const waited = formatDuration(run.plan.parkTimeoutMs);
        throw workflowFailure(failureOf('parked-too-long', `nobody acted on what had failed for ${waited}`));
      }
      if (!over.silent || !parkUnfinished(run, over.failure)) throw workflowFailure(over.failure);
      over = { ...over, atMs: Date.now() };
      refresh();
      continue;
    }
    const { script } = view;
    if (script && script.digest !== digest) {
      digest = script.digest;
      learnPlan(run, learn(await activity.readScriptPlan('read the plan of the script', { host })));
      // Its steps were not asked for yet.
      seen = '';
      continue;
    }
    seen = view.seen;
    run.status.sentinel = view.sentinelPath;
    if (isProvisioned(view)) {
      if (script) showScript(run, view, script);
      return sawWork ? 'provisioned' : 'already-provisioned';
    }
    if (!script) continue;
    sawWork = true;
    run.owner = script.owner;
    if (script.zmxPath !== '') run.status.attach = attachText(host, script.zmxPath);
    showScript(run, view, script);
    over = whyOver(script, over);
    enter(SHOWN_PHASES.find((phase) => phase === script.phase) ?? run.status.phase);
  }
}

/** A script that is not at work any more, and has not provisioned its host. */
interface Over {
  readonly atMs: number;
  readonly failure: PartFailure;
  /** It did not say why, so it may be about to begin again. */
  readonly silent: boolean;
}

function whyOver(script: ScriptState, before: Over | undefined): Over | undefined {
  // Whoever sent it away goes on with its work.
  if (script.alive || script.phase === 'left') return undefined;
  const atMs = before?.atMs ?? Date.now();
  const end = (code: FailureCode, message: string, silent = false) => ({
    atMs,
    silent,
    failure: failureOf(code, `${message}; its log is ${script.logPath}`),
  });
  if (script.failure) return end(script.failure.code, `the host's script failed: ${script.failure.text}`);
  if (script.phase === 'stopped') return end('script-failed', "somebody has stopped the host's script");
  if (script.phase === 'provisioned')
    return end('sentinel-missing', "the host's script is done, and its sentinel is gone");
  return end(
    'script-failed',
    "the host's script has ended without a word (killed, or the host was shut down)",
    true,
  );
}

/** Until when the next change is waited for. Milliseconds since the epoch. */
function untilMs(run: Run, over: Over | undefined, deadlineMs: number): number {
  if (!over) return deadlineMs;
  if (isParked(run)) return over.atMs + run.plan.parkTimeoutMs;
  return over.silent ? over.atMs + RESTART_MS : Date.now();
}

function isParked(run: Run): boolean {
  return run.status.steps.some((step) => activePart(step).state === 'parked');
}

/** Waits for a change on the host, a decision of a person, or the time. */
async function nextView(
  run: Run,
  wanted: { host: HostRef; parts: PartRef[]; seen: string; sentinelPath?: string },
  untilMs: number,
): Promise<ScriptView | 'decided' | 'late'> {
  const leftMs = Math.max(1, untilMs - Date.now());
  const scope = new CancellationScope();
  let settled: { view: ScriptView } | { error: unknown } | undefined;
  const following = scope
    .run(() =>
      activity.followScript('follow the script', wanted, { scheduleToCloseTimeout: leftMs + SLACK_MS }),
    )
    .then(
      (view) => (settled = { view }),
      (error: unknown) => (settled = { error }),
    );
  try {
    const changed = await condition(() => settled !== undefined || run.decisions.size > 0, leftMs, {
      summary: isParked(run) ? 'parked: retryStep, skipStep or abort' : 'until the host has had its time',
    });
    if (run.decisions.size > 0) return 'decided';
    if (!changed) return 'late';
    if (settled && 'view' in settled) return settled.view;
    throw settled?.error;
  } finally {
    scope.cancel();
    await following;
  }
}

/** The sentinel is looked for once nobody is at work any more. Of another plan it says nothing, unless the script says that it will do. */
function isProvisioned({ script, sentinel }: ScriptView): boolean {
  const anyWillDo = !script || script.phase === 'provisioned';
  return sentinelSaysDone(sentinel, script?.digest ?? '', anyWillDo ? 'skip' : 'skip-if-same-plan');
}

/** Phases of a script that are phases of a run, too. */
const SHOWN_PHASES = ['waiting-for-bootstrap', 'installing-zmx', 'steps', 'finalizers', 'verifying'] as const;

/** Makes the host ours and goes on from what its script has done; true if there is nothing left to do. */
async function takeOver(run: Run, { enter, refresh }: Course): Promise<boolean> {
  const { target, pruneAfterDays, connectTimeoutMs } = run.plan;
  const { sentinel, phase } = run.status;
  const prepared = await activity.prepareHost(
    'take the host over',
    { target, holder: run.holder, digest: run.digest, pruneAfterDays, sentinelPath: sentinel },
    { scheduleToCloseTimeout: connectTimeoutMs },
  );
  run.host = { target, facts: prepared.facts };
  run.leased = true;
  run.watching = false;
  if (sentinelSaysDone(prepared.sentinel, run.digest, 'skip-if-same-plan')) return true;
  enter('installing-zmx');
  await installZmx(run);
  await adoptLaunches(run, prepared.script);
  if (phase === 'finalizers') enter(phase);
  refresh();
  return false;
}
