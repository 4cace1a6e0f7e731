import {
  ActivityCancellationType,
  proxyActivities,
  proxyLocalActivities,
  type ActivityOptions,
} from '@temporalio/workflow';
import type { Activities } from '../activities/activity-types.ts';
import { boundedText } from '../domain/text/bounded-text.ts';
import { timing } from '../domain/run/timing.ts';

/** A lost connection is retried at once, then more slowly. */
const RECONNECT = {
  initialInterval: timing.firstRetryMs,
  backoffCoefficient: timing.retryBackoff,
  maximumInterval: timing.longestRetryMs,
} as const;

const DAY_MS = 86_400_000;
/** In characters of three bytes at most: the server fails a task that sends a summary of more than 400 bytes. */
export const MAX_SUMMARY_LENGTH = 120;

/** For what a person waits for: busy workers do it first. Other work has priority 3, that of fleets 4. */
export const URGENT = { priority: { priorityKey: 1 } } as const satisfies ActivityOptions;

/** Short questions and requests. They are safe to repeat, so the server retries them over a bad link. */
const short = {
  startToCloseTimeout: '60s',
  scheduleToCloseTimeout: '15m',
  heartbeatTimeout: timing.shortHeartbeatTimeoutMs,
  retry: RECONNECT,
} as const;

const profiles = {
  short,
  /** Writes the sentinel. Before a run withdraws the sentinel, it must be certain that this activity has ended. */
  verify: {
    ...short,
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  },
  /** Starts a launch. The workflow itself starts it again if it has not begun, within the step's timeout. */
  start: {
    startToCloseTimeout: '90s',
    heartbeatTimeout: timing.shortHeartbeatTimeoutMs,
    retry: RECONNECT,
  },
  /** Waits that report progress; each call sets its own timeout. */
  long: {
    startToCloseTimeout: DAY_MS * 7,
    heartbeatTimeout: timing.heartbeatTimeoutMs,
    retry: RECONNECT,
    // The workflow kills the launch that it cancels, so it need not wait until the worker has noticed.
    cancellationType: ActivityCancellationType.TRY_CANCEL,
  },
  /** Downloads. */
  install: {
    startToCloseTimeout: '10m',
    scheduleToCloseTimeout: '30m',
    heartbeatTimeout: timing.heartbeatTimeoutMs,
    retry: { ...RECONNECT, maximumAttempts: 20 },
  },
  /** Answers a waiting person: retried at once, but not for long. */
  inspect: {
    ...URGENT,
    startToCloseTimeout: '80s',
    scheduleToCloseTimeout: '90s',
    heartbeatTimeout: timing.heartbeatTimeoutMs,
    retry: { ...RECONNECT, maximumAttempts: 3 },
  },
  /** Cleaning up must not keep a workflow open for ever when the host is gone. */
  cleanup: {
    ...URGENT,
    startToCloseTimeout: '2m',
    scheduleToCloseTimeout: '5m',
    heartbeatTimeout: timing.heartbeatTimeoutMs,
    retry: RECONNECT,
  },
  /** A webhook may be down for hours; after a day the notification is stale. */
  notify: {
    startToCloseTimeout: '2m',
    scheduleToCloseTimeout: DAY_MS,
    retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '5m' },
  },
} as const satisfies Record<string, ActivityOptions>;

/** Validate the input on the worker. The result is in the history, so that a later, stricter check cannot disturb a run. */
export const { admitPlan, admitWatch, admitFleet, checkInput } = proxyLocalActivities<
  Pick<Activities, 'admitPlan' | 'admitWatch' | 'admitFleet' | 'checkInput'>
>({
  summary: 'validate the input',
  startToCloseTimeout: '30s',
  // A plan that crashes the validation must end its run, not keep it waiting.
  retry: { maximumAttempts: 5 },
});

/** The activities, each with its profile; `summary` is what the UI shows beside it. */
export const activity = {
  prepareHost: call('short', 'prepareHost'),
  inspectLaunch: call('short', 'inspectLaunch'),
  awaitBootstrap: call('long', 'awaitBootstrap'),
  installZmx: call('install', 'installZmx'),
  runStep: call('start', 'runStep'),
  waitStep: call('long', 'waitStep'),
  finalizeStep: call('long', 'finalizeStep'),
  verifySentinel: call('verify', 'verifySentinel'),
  killStep: call('cleanup', 'killStep'),
  readLog: call('short', 'readLog'),
  releaseHost: call('cleanup', 'releaseHost'),
  probeHost: call('short', 'probeHost'),
  surveyLaunches: call('short', 'surveyLaunches'),
  followScript: call('long', 'followScript'),
  readScriptPlan: call('short', 'readScriptPlan'),
  stopScript: call('cleanup', 'stopScript'),
  sendNotification: call('notify', 'sendNotification'),
  inspectWorker: call('inspect', 'inspectWorker'),
  inspectHost: call('inspect', 'inspectHost'),
  checkStep: call('inspect', 'checkStep'),
  cleanHost: call('inspect', 'cleanHost'),
  surveyRuns: call('short', 'surveyRuns'),
  signalRuns: call('short', 'signalRuns'),
};

function call<N extends keyof Activities>(profile: keyof typeof profiles, name: N) {
  const proxy = proxyActivities<Activities>(profiles[profile])[name as 'prepareHost'];
  return (
    summary: string,
    input: Parameters<Activities[N]>[0],
    options: ActivityOptions = {},
  ): ReturnType<Activities[N]> => {
    const defaults: ActivityOptions = profiles[profile];
    const retry = { ...defaults.retry, ...options.retry };
    const shown = boundedText(summary, MAX_SUMMARY_LENGTH);
    return proxy.executeWithOptions({ ...defaults, summary: shown, ...options, retry }, [
      input as never,
    ]) as ReturnType<Activities[N]>;
  };
}
