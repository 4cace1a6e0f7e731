import { isCancellation, sleep } from '@temporalio/workflow';
import { withoutFiles } from '../domain/plan/resolve-plan.ts';
import { formatDuration } from '../domain/text/duration.ts';
import { formatExit, type StartWaiting } from '../domain/run/launch-state.ts';
import { label } from '../domain/run/ids.ts';
import type { Part, PartLaunch } from '../domain/run/part.ts';
import type { PartFailure } from '../domain/run/status.ts';
import { waitPace, type WaitPace } from '../domain/run/wait-pace.ts';
import type { Ended, Prompted, Started } from '../activities/wait-answers.ts';
import { askHost, withPending, isAccessTrouble } from './ask-host.ts';
import { askToKill } from './end-launches.ts';
import { ensureZmx } from './ensure-zmx.ts';
import { failureOf, readFailure, readNotes, workflowFailure } from './failures.ts';
import { recordEntry } from './part-records.ts';
import { activity, URGENT } from './proxies.ts';
import { hostOf, leaseOf, type Run } from './run.ts';

/** The minimum time between two requests to start a launch. Usually the host itself takes longer to answer. */
const START_EVERY_MS = 2_000;

/** Starts the latest launch of a part and waits for its end. */
export async function runLaunch(run: Run, part: Part): Promise<'succeeded' | 'satisfied' | PartFailure> {
  const launch = part.launchOf(run.owner);
  const current = part.findLaunch(launch) ?? part.track(launch, 'open');
  try {
    const outcome = await startAndWait(run, part, current);
    current.state = 'succeeded';
    delete part.status.input;
    return outcome;
  } catch (error) {
    // A cancelled wait continues in a fresh history, which keeps the prompt that was reported.
    if (isCancellation(error)) throw error;
    delete part.status.input;
    const failure = readFailure(error);
    const notes = readNotes(error);
    if (notes) part.status.notes = notes;
    if (failure.exitCode !== undefined && current.state === 'open') current.state = 'ended';
    return failure;
  } finally {
    delete part.status.waitingFor;
  }
}

type Outcome = 'succeeded' | 'satisfied' | { readonly waiting: StartWaiting };

/**
 * Starts a launch again while it has not begun and the step has time left; the record on the host makes that harmless. Installs
 * zmx again if it is gone.
 */
async function startAndWait(run: Run, part: Part, current: PartLaunch): Promise<'succeeded' | 'satisfied'> {
  const { launch } = current;
  const requestedMs = current.sinceMs ?? Date.now();
  let isRepeated = false;
  let why: PartFailure | undefined;
  for (;;) {
    if (current.isEnding || isLate(part, current)) return endLate(run, part, current, why);
    const askedMs = Date.now();
    let outcome: Outcome;
    try {
      outcome = await startOnce(run, part, current, requestedMs, why);
    } catch (error) {
      if (readFailure(error).code !== 'zmx-unavailable' || isRepeated) throw error;
      isRepeated = true;
      await ensureZmx(run);
      continue;
    }
    if (typeof outcome === 'string') return outcome;
    current.sinceMs ??= requestedMs;
    const { output } = outcome.waiting;
    const waited = formatDuration(Date.now() - current.sinceMs);
    const message = `the login shell did not begin ${label(launch)} within ${formatDuration(part.timeoutMs)}`;
    why = failureOf('launch-not-started', output === '' ? message : `${message}; it printed: ${output}`);
    part.status.waitingFor = `the login shell (${waited})`;
    run.onChange();
    const pauseMs = START_EVERY_MS - (Date.now() - askedMs);
    if (pauseMs > 0) await sleep(pauseMs, { summary: `${label(launch)} · before the next request to start` });
  }
}

async function startOnce(
  run: Run,
  part: Part,
  current: PartLaunch,
  requestedMs: number,
  why: PartFailure | undefined,
): Promise<Outcome> {
  const host = hostOf(run);
  const step = part.currentStep;
  const record = recordEntry(run, part);
  const { launch } = current;
  if (launch.kind === 'finalizer') {
    current.sinceMs ??= requestedMs;
    return awaitEnd(run, part, current, isAccessTrouble, (pace, options) =>
      activity.finalizeStep(
        label(launch),
        { host, step: withoutFiles(step), launch, record, pace, ...leaseOf(run) },
        options,
      ),
    );
  }
  const started = await askHost<Outcome | Ended | Started>(run, {
    place: part.status,
    summary: label(launch),
    ask: (options) =>
      activity.runStep(
        `${label(launch)} · start`,
        { host, step, launch, record, ...leaseOf(run) },
        { ...options, ...(launch.attempt > 1 && URGENT) },
      ),
    deadlineMs: () => deadlineMs(part, current) ?? requestedMs + part.timeoutMs,
    mayBoot: part.mayReboot,
    // The timeout of the step excludes its check and a start without trouble.
    isUnboundedAtFirst: true,
    describe(failure) {
      current.sinceMs ??= requestedMs;
      return failure;
    },
    onLate: (failure) => endLate(run, part, current, why, failure),
  });
  if (typeof started === 'string' || 'waiting' in started) return started;
  delete part.status.waitingFor;
  if ('exitCode' in started) return noteEnd(part, started);
  current.sinceMs ??= Date.now() - started.startedMsAgo;
  return awaitEnd(run, part, current, isWaitTrouble, (pace, options) => {
    const { prompt } = current;
    const waiting = { host, launch, secrets: step.secrets, pace, ...(prompt !== undefined && { prompt }) };
    return activity.waitStep(`${label(launch)} · wait`, waiting, options);
  });
}

function noteEnd({ status }: Part, { notes }: Ended): 'succeeded' {
  if (notes) status.notes = notes;
  return 'succeeded';
}

/** Shows the prompt at which a launch waits for keyboard input. */
function notePrompt({ status }: Part, current: PartLaunch, { prompt, lastLine, attach }: Prompted): void {
  if (prompt === '') {
    delete current.prompt;
    delete status.input;
  } else {
    current.prompt = prompt;
    status.input = { lastLine, attach, sinceMs: Date.now() };
  }
}

/**
 * Waits for the end of a launch, and shows its prompts. Lost access to the host does not end the launch. The heartbeat timeout of an
 * activity cannot change, so older launches get another activity.
 */
async function awaitEnd(
  run: Run,
  part: Part,
  current: PartLaunch,
  isTrouble: (failure: PartFailure) => boolean,
  wait: (pace: WaitPace, options: object) => Promise<Ended | Prompted | 'running'>,
): Promise<Outcome> {
  const { launch } = current;
  try {
    for (;;) {
      const waited = await askHost<'succeeded' | 'running' | Prompted>(run, {
        place: part.status,
        summary: label(launch),
        ask: async (options) => {
          const { pace, heartbeatTimeoutMs } = waitPace(Date.now() - (current.sinceMs ?? Date.now()));
          const waited = await wait(pace, { ...options, heartbeatTimeout: heartbeatTimeoutMs });
          return waited === 'running' || 'prompt' in waited ? waited : noteEnd(part, waited);
        },
        probe: async (options) => {
          await activity.inspectLaunch(`${label(launch)} · inspect`, { host: hostOf(run), launch }, options);
          return undefined;
        },
        deadlineMs: () => deadlineMs(part, current) ?? Infinity,
        mayBoot: part.mayReboot,
        isTrouble,
        onLate: (failure) => endLate(run, part, current, undefined, failure),
      });
      if (waited === 'succeeded') return waited;
      if (waited === 'running') continue;
      notePrompt(part, current, waited);
      run.onChange();
    }
  } catch (error) {
    const { code } = readFailure(error);
    if (code !== 'launch-not-started') throw error;
    return { waiting: { for: 'login-shell', output: '' } };
  }
}

/** A failed wait is repeated unless the launch itself has ended or never began. */
function isWaitTrouble({ code }: PartFailure): boolean {
  return code !== 'step-failed' && code !== 'step-interrupted' && code !== 'launch-not-started';
}

function deadlineMs(part: Part, { sinceMs }: PartLaunch): number | undefined {
  return sinceMs === undefined ? undefined : sinceMs + part.timeoutMs;
}

function isLate(part: Part, current: PartLaunch): boolean {
  return Date.now() >= (deadlineMs(part, current) ?? Infinity);
}

/**
 * Ends a launch whose time is up, and fails unless it had succeeded by itself. If `trouble` keeps the host unreachable, nothing
 * about the launch can be verified.
 */
async function endLate(
  run: Run,
  part: Part,
  current: PartLaunch,
  why?: PartFailure,
  trouble?: PartFailure,
): Promise<'succeeded'> {
  const { launch } = current;
  current.isEnding = true;
  const seconds = part.timeoutMs / 1000;
  const untilMs = Date.now() + run.plan.parkTimeoutMs;
  const { exitCode, left } = await askHost(run, {
    ...askToKill(run, part, launch),
    after: trouble,
    deadlineMs: () => untilMs,
    describe(failure) {
      const { message } = withPending(`its time (${seconds} s) is up and`, failure);
      return failureOf('step-unverifiable', message);
    },
    onLate: () => {
      const waited = formatDuration(run.plan.parkTimeoutMs);
      const message = `the host could not be asked about ${label(launch)} for ${waited} after its time was up`;
      throw workflowFailure(failureOf('parked-too-long', message));
    },
  });
  if (exitCode === 0) return 'succeeded';
  current.state = left === 0 ? 'cleared' : 'open';
  const code = launch.kind === 'finalizer' ? 'finalizer-failed' : 'step-failed';
  const failure =
    exitCode === undefined
      ? (why ?? failureOf('step-timeout', `${label(launch)} took longer than ${seconds} s and was ended`))
      : { ...failureOf(code, `${label(launch)}: ${formatExit(exitCode)}`), exitCode };
  throw workflowFailure(failure);
}
