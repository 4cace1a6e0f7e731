import { envTooLongReason } from '../domain/run/action-input.ts';
import type { ActionInputs, ActionName, RetryStep } from '../domain/run/actions.ts';
import type { AuditEntry } from '../domain/run/audit-trail.ts';
import type { Part, Retry } from '../domain/run/part.ts';
import { describeState, isDone } from '../domain/run/status.ts';
import { durationMs, formatDuration } from '../domain/text/duration.ts';
import { isExcluded } from './part-records.ts';
import { resetDownstream } from './reset-steps.ts';
import { activePartOf, stepOf, type Run } from './run.ts';

/** What an action does to a run. Its name, input and wording are in domain/run/actions.ts. */
export interface ActionEffect<Input> {
  /** Returns why the action cannot be applied in the present state of the run; undefined if it can. */
  refusalReason(run: Run, input: Input): string | undefined;
  /** Applies the action. Returns what the audit trail records besides sender, reason and time; `reason` is already bounded. */
  apply(
    run: Run,
    input: Input,
    reason: string | undefined,
  ): Omit<AuditEntry, 'action' | 'by' | 'atMs' | 'refused'>;
}

export const actionEffects: { readonly [Name in ActionName]: ActionEffect<ActionInputs[Name]> } = {
  retryStep: {
    refusalReason: (run, input) =>
      (input.resetDownstream === true ? resetRefusal(run, input.step) : retryRefusal(run, input)) ??
      moreEnvRefusal(run, input),
    apply(run, { step, script, env, resetDownstream: reset, force = false }) {
      const change = { ...(script !== undefined && { script }), ...(env !== undefined && { env }) };
      const others = reset === true ? resetDownstream(run, step, change) : undefined;
      if (!others) retryPart(run, step, { kind: 'retry', force, ...change });
      return {
        step,
        ...(force && { force: true as const }),
        ...(script !== undefined && { script: true as const }),
        ...(env && { env: recordedNames(Object.keys(env)) }),
        ...(others && { reset: others }),
      };
    },
  },
  skipStep: {
    refusalReason: (run, { step }) => notParkedRefusal(run, step),
    apply(run, { step }) {
      activePartOf(run, step).decide({ kind: 'skip' });
      return { step };
    },
  },
  extendTimeout: {
    refusalReason: (run, { step, by }) => extensionRefusal(run, step, durationMs(by, 0)),
    apply(run, { step, by }) {
      const extendedByMs = durationMs(by, 0);
      stepOf(run, step).extend(extendedByMs);
      return { step, extendedByMs };
    },
  },
  pause: {
    refusalReason(run) {
      if (run.isWatching) return "this run follows the host's own script; it can't be paused, only aborted";
      return run.status.paused ? 'the run is already paused' : undefined;
    },
    apply(run) {
      run.status.paused = true;
      return {};
    },
  },
  resume: {
    refusalReason: (run) => (run.status.paused ? undefined : 'the run is not paused'),
    apply(run) {
      run.status.paused = false;
      return {};
    },
  },
  abort: {
    refusalReason: (run) => (run.abortReason === undefined ? undefined : 'the run is already being aborted'),
    apply(run, _, reason = 'no reason given') {
      run.abortReason = reason;
      return { reason };
    },
  },
};

/** A year: the maximum of every duration in a plan. */
const MAX_EXTENSION_MS = 365 * 86_400_000;
/** Characters. */
const MAX_NAMES_LENGTH = 1000;

function notParkedRefusal(run: Run, name: string): string | undefined {
  const part = activePartOf(run, name);
  if (part.status.state !== 'parked')
    return `${nameOf(part)} is not parked: it ${describeState(part.status)}`;
  return pendingRefusal(part);
}

/** An action or a reset that the step has not processed yet goes first. */
function pendingRefusal({ name, isResetting, decision }: Part): string | undefined {
  if (isResetting) return `${name} is being reset`;
  return decision ? `an earlier action on ${name} is still pending` : undefined;
}

function retryRefusal(run: Run, { step: name, script, env, force }: RetryStep): string | undefined {
  const part = activePartOf(run, name);
  const { state, trouble } = part.status;
  if (state === 'running' && force === true) {
    if (run.isWatching) return "this run follows the host's own script, which runs the steps itself";
    return pendingRefusal(part);
  }
  if (state === 'parked' || (!trouble && !run.status.trouble)) return notParkedRefusal(run, name);
  return script === undefined && env === undefined
    ? undefined
    : `${name} ${describeState(part.status)}: another script or env needs another launch, so send force as well`;
}

function resetRefusal(run: Run, name: string): string | undefined {
  if (run.isWatching) return "this run follows the host's own script; its steps can't be reset";
  if (run.status.phase !== 'steps')
    return `steps can't be reset in this phase (${run.status.phase}); without resetDownstream a parked finalizer can run again`;
  const part = stepOf(run, name);
  if (isExcluded(run, part)) return `${name} is not among the steps to which this run is limited`;
  const { status } = part;
  const canReset = status.state === 'parked' || status.state === 'failed' || isDone(status);
  return (
    pendingRefusal(part) ??
    (canReset
      ? undefined
      : `${name} ${describeState(status)}; only a parked, failed or done step can be reset`)
  );
}

/** The settings of several retries of one part are merged into one request, which must fit. */
function moreEnvRefusal(run: Run, { step: name, env, resetDownstream }: RetryStep): string | undefined {
  if (env === undefined) return undefined;
  const part = resetDownstream === true ? stepOf(run, name) : activePartOf(run, name);
  return envTooLongReason(name, { ...part.overrides.env, ...env });
}

function extensionRefusal(run: Run, name: string, byMs: number): string | undefined {
  const part = activePartOf(run, name);
  const { state } = part.status;
  // For a parked step, a retry makes this run take the host over from the script; other steps belong to the script.
  if (run.isWatching && state !== 'parked')
    return "this run follows the host's own script, which keeps the time of its steps itself";
  const what = nameOf(part);
  if (isDone(part.status)) return `${what} ${describeState(part.status)}`;
  if (state === 'failed' || state === 'blocked' || state === 'killed')
    return `${what} ${describeState(part.status)}; it will not run again`;
  if (state === 'running' && part.findLaunch(part.launchOf(run.owner))?.isEnding)
    return `the time of ${what} is up, and it is being ended; extend it before its next attempt`;
  const sumMs = (part.stepStatus.extendedByMs ?? 0) + byMs;
  return sumMs > MAX_EXTENSION_MS ? `${name} would get ${formatDuration(sumMs)} more in all` : undefined;
}

/** Runs a parked part again; with `force` also a running one. A part that waits to reach its host asks it at once. */
function retryPart(run: Run, name: string, retry: Retry): void {
  const part = activePartOf(run, name);
  for (const { trouble } of [run.status, part.status]) delete trouble?.retryAtMs;
  const asksAlready = part.status.trouble !== undefined || part.status.state !== 'parked';
  if (!asksAlready || retry.force) part.decide(retry);
}

function nameOf({ name, kind }: Part): string {
  return kind === 'step' ? name : `the finalizer of ${name}`;
}

/** Bounds the list, because a status holds up to a hundred audit entries. */
function recordedNames(names: readonly string[]): string[] {
  let length = 0;
  const kept = names.filter((name) => (length += name.length) <= MAX_NAMES_LENGTH);
  const left = names.length - kept.length;
  return left === 0 ? kept : [...kept, `${left} more`];
}
