import { CancellationScope, condition } from '@temporalio/workflow';
import type { HostRef } from '../../activities/activity-types.ts';
import type { ScriptView } from '../../activities/script-view.ts';
import type { Plan, WatchInput } from '../../domain/plan/schema.ts';
import { PARKED_ACTIONS } from '../../domain/run/actions.ts';
import type { FailureCode } from '../../domain/run/failure.ts';
import { listPartRefs } from '../../domain/run/part.ts';
import { readSentinel } from '../../domain/run/sentinel.ts';
import type { PartFailure } from '../../domain/run/status.ts';
import { formatDuration } from '../../domain/text/duration.ts';
import type { ScriptState } from '../../host/script-state.ts';
import { askForRun } from '../../workflows/ask-host.ts';
import type { ProvisionResult } from '../../workflows/run-kind.ts';
import { showAttach } from '../../workflows/ensure-zmx.ts';
import { failureOf, workflowFailure } from '../../workflows/failures.ts';
import { activity } from '../../workflows/proxies.ts';
import { endWait, enterPhase, hostOf, learnPlan, type Run } from '../../workflows/run.ts';
import { parkUnfinished, showScript, showSkipped } from './script-status.ts';

const READ_PLAN_MS = 15 * 60_000;
/** How long a script may take to begin again after a reboot has ended it. */
const RESTART_MS = 3 * 60_000;
/** The loop notices by itself when its time is over, and reports that better than an activity that times out. */
const SLACK_MS = 60_000;

/** A script that has ended without provisioning its host. */
interface EndedScript {
  readonly atMs: number;
  readonly failure: PartFailure;
  /** Whether it may begin again, because it reported no reason for its end. */
  readonly mayRestart: boolean;
}

/** Follows the script of a host until the host is provisioned, or an action requires the run to take over. */
export async function followScript(
  run: Run,
  { sentinel }: WatchInput,
  deadlineMs: number,
  learn: (scriptPlan: Omit<Plan, 'target'>) => Plan,
): Promise<ProvisionResult['outcome'] | 'take-over'> {
  const host = hostOf(run);
  let digest: string | undefined;
  let seen = '';
  let ended: EndedScript | undefined;
  let hasWorked = false;
  for (;;) {
    const parts = listPartRefs(run.plan.steps);
    const wanted = { host, parts, seen, ...(sentinel && { sentinelPath: sentinel.path }) };
    const view = await nextView(run, wanted, untilMs(run, ended, deadlineMs));
    if (view === 'decided') return 'take-over';
    if (view === 'late') {
      ended = parkAfterEnd(run, ended);
      continue;
    }
    const { script } = view;
    if (script && script.digest !== digest) {
      digest = script.digest;
      learnPlan(run, learn(await readScriptPlan(run, host)));
      // The view does not contain the steps of this plan yet.
      seen = '';
      continue;
    }
    seen = view.seen;
    run.status.sentinel = view.sentinelPath;
    if (isProvisioned(view)) {
      if (script) showScript(run, view, script);
      showSkipped(run, view.sentinel);
      return hasWorked ? 'provisioned' : 'already-provisioned';
    }
    if (!script) continue;
    hasWorked = true;
    ended = endOf(script, ended);
    showProgress(run, view, script);
  }
}

/** Parks the parts that an ended script left unfinished, or fails the run. */
function parkAfterEnd(run: Run, ended: EndedScript | undefined): EndedScript {
  if (!ended) throw workflowFailure(failureOf('bootstrap-timeout', 'the host was not provisioned in time'));
  if (isParked(run)) {
    const waited = formatDuration(run.plan.parkTimeoutMs);
    throw workflowFailure(
      failureOf('parked-too-long', `what had failed was parked for ${waited} without an action`),
    );
  }
  if (!ended.mayRestart || !parkUnfinished(run, ended.failure)) throw workflowFailure(ended.failure);
  run.onChange();
  return { ...ended, atMs: Date.now() };
}

/** Phases of a script that are phases of a run, too. */
const SHOWN_PHASES = ['waiting-for-bootstrap', 'installing-zmx', 'steps', 'finalizers', 'verifying'] as const;

function showProgress(run: Run, view: ScriptView, script: ScriptState): void {
  run.owner = script.owner;
  if (script.zmxPath !== '') showAttach(run, script.zmxPath);
  showScript(run, view, script);
  endWait(run);
  const { bootstrap } = run.plan;
  // The script measures the time of this wait itself.
  if (script.alive && script.phase === 'waiting-for-bootstrap' && bootstrap?.marker !== undefined)
    run.status.waitingFor = bootstrap.marker;
  enterPhase(run, SHOWN_PHASES.find((phase) => phase === script.phase) ?? run.status.phase);
}

function readScriptPlan(run: Run, host: HostRef): Promise<Omit<Plan, 'target'>> {
  const summary = 'read the plan of the script';
  return askForRun(run, summary, READ_PLAN_MS, (options) =>
    activity.readScriptPlan(summary, { host }, options),
  );
}

function endOf(script: ScriptState, before: EndedScript | undefined): EndedScript | undefined {
  // A run that asked a script to leave continues its work.
  if (script.alive || script.phase === 'left') return undefined;
  const atMs = before?.atMs ?? Date.now();
  const end = (code: FailureCode, message: string, mayRestart = false) => ({
    atMs,
    mayRestart,
    failure: failureOf(code, `${message}; its log is ${script.logPath}`),
  });
  if (script.failure) return end(script.failure.code, `the host's script failed: ${script.failure.text}`);
  if (script.phase === 'stopped') return end('script-failed', "the host's script was stopped");
  if (script.phase === 'provisioned')
    return end('sentinel-missing', "the host's script is done, and its sentinel is gone");
  return end(
    'script-failed',
    "the host's script has ended without a reason (killed, or the host was shut down)",
    true,
  );
}

/** Until when to wait for the next change, in milliseconds since the epoch. */
function untilMs(run: Run, ended: EndedScript | undefined, deadlineMs: number): number {
  if (!ended) return deadlineMs;
  if (isParked(run)) return ended.atMs + run.plan.parkTimeoutMs;
  return ended.mayRestart ? ended.atMs + RESTART_MS : Date.now();
}

function isParked({ parts }: Run): boolean {
  return parts.some(({ status }) => status.state === 'parked');
}

/** Waits for a change on the host, an action on a part, or the end of the time. */
async function nextView(
  run: Run,
  wanted: Parameters<typeof activity.followScript>[1],
  untilMs: number,
): Promise<ScriptView | 'decided' | 'late'> {
  const leftMs = Math.max(1, untilMs - Date.now());
  const scope = new CancellationScope();
  const isDecided = () => run.parts.some(({ decision }) => decision !== undefined);
  let outcome: { view: ScriptView } | { error: unknown } | undefined;
  const summary = 'follow the script';
  const follow = (seen: string) => (options: object) =>
    activity.followScript(summary, { ...wanted, seen }, options);
  const following = scope
    .run(() =>
      askForRun(run, summary, untilMs + SLACK_MS - Date.now(), follow(wanted.seen), {
        // With an empty `seen` the first view returns at once.
        probe: follow(''),
      }),
    )
    .then(
      (view) => (outcome = { view }),
      (error: unknown) => (outcome = { error }),
    );
  try {
    const hasChanged = await condition(() => outcome !== undefined || isDecided(), leftMs, {
      summary: isParked(run) ? `parked: ${PARKED_ACTIONS}` : 'until the time for the host is up',
    });
    if (isDecided()) return 'decided';
    if (!hasChanged) return 'late';
    if (outcome && 'view' in outcome) return outcome.view;
    throw outcome?.error;
  } finally {
    scope.cancel();
    await following;
  }
}

/**
 * Whether the host is provisioned. The sentinel is read only once the script has ended. A sentinel of another plan counts only if
 * the host has no script, or its script accepts it; one with skipped parts counts, too.
 */
function isProvisioned({ script, sentinel }: ScriptView): boolean {
  if (sentinel === undefined) return false;
  const { digest } = readSentinel(sentinel);
  return !script || script.phase === 'provisioned' || digest === undefined || digest === script.digest;
}
