import {
  ActivityCancellationType,
  proxyActivities,
  proxyLocalActivities,
  type ActivityOptions,
} from '@temporalio/workflow';
import type { Activities } from '../activities/types.ts';
import { timing } from '../domain/timing.ts';

/** A lost connection is tried again at once, then more slowly. */
export const RECONNECT = {
  initialInterval: timing.firstRetryMs,
  backoffCoefficient: timing.retryBackoff,
  maximumInterval: timing.longestRetryMs,
} as const;

const DAY_MS = 86_400_000;

/** Short questions and orders. They are safe to repeat, so trying again is how a bad link is survived. */
const short = {
  startToCloseTimeout: '60s',
  scheduleToCloseTimeout: '15m',
  heartbeatTimeout: timing.heartbeatTimeoutMs,
  retry: RECONNECT,
} as const;

const profiles = {
  short,
  /** Says that all is done. Whoever takes it back must know that it is not being said any more. */
  verify: {
    ...short,
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  },
  /** Starts a launch. What never began is started again by the workflow, which counts how often. */
  start: {
    startToCloseTimeout: '90s',
    scheduleToCloseTimeout: '15m',
    heartbeatTimeout: timing.heartbeatTimeoutMs,
    retry: { ...RECONNECT, nonRetryableErrorTypes: ['launch-not-started'] },
  },
  /** Waits that report; the time they may take is given for each. */
  long: {
    startToCloseTimeout: DAY_MS * 7,
    heartbeatTimeout: timing.heartbeatTimeoutMs,
    // What never began must be started again, which only the workflow can order.
    retry: { ...RECONNECT, nonRetryableErrorTypes: ['launch-not-started'] },
    // The workflow kills what it cancels; it need not wait until the waiting worker has heard of it.
    cancellationType: ActivityCancellationType.TRY_CANCEL,
  },
  /** Downloads. */
  install: {
    startToCloseTimeout: '10m',
    scheduleToCloseTimeout: '30m',
    heartbeatTimeout: timing.heartbeatTimeoutMs,
    retry: { ...RECONNECT, maximumAttempts: 20 },
  },
  /** Looks for somebody who waits for the answer: tried again at once, but not for long. */
  look: {
    startToCloseTimeout: '80s',
    scheduleToCloseTimeout: '90s',
    heartbeatTimeout: timing.heartbeatTimeoutMs,
    retry: { ...RECONNECT, maximumAttempts: 3 },
  },
  /** Cleaning up must not keep a workflow open for ever when the host is gone. */
  cleanup: {
    startToCloseTimeout: '2m',
    scheduleToCloseTimeout: '5m',
    heartbeatTimeout: timing.heartbeatTimeoutMs,
    retry: RECONNECT,
  },
  /** What is out there may be down for hours; a day later nobody wants to be told. */
  tell: {
    startToCloseTimeout: '2m',
    scheduleToCloseTimeout: DAY_MS,
    retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '5m' },
  },
} as const satisfies Record<string, ActivityOptions>;

const proxies = {
  short: proxyActivities<Activities>(profiles.short),
  verify: proxyActivities<Activities>(profiles.verify),
  start: proxyActivities<Activities>(profiles.start),
  long: proxyActivities<Activities>(profiles.long),
  install: proxyActivities<Activities>(profiles.install),
  look: proxyActivities<Activities>(profiles.look),
  cleanup: proxyActivities<Activities>(profiles.cleanup),
  tell: proxyActivities<Activities>(profiles.tell),
};

/** Judge the input on the worker. Recorded, so that a later, stricter check can't disturb a run that was let in. */
export const { admitPlan, admitWatch } = proxyLocalActivities<Pick<Activities, 'admitPlan' | 'admitWatch'>>({
  summary: 'check the input',
  startToCloseTimeout: '30s',
  // A plan that breaks the judge must end its run, not keep it waiting.
  retry: { maximumAttempts: 5 },
});

/** The activities, each with its profile; `summary` is what the UI shows beside it. */
export const activity = {
  prepareHost: call('short', 'prepareHost'),
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
  sendNotification: call('tell', 'sendNotification'),
  inspectWorker: call('look', 'inspectWorker'),
  lookAtHost: call('look', 'lookAtHost'),
  checkStep: call('look', 'checkStep'),
};

function call<N extends keyof Activities>(profile: keyof typeof profiles, name: N) {
  return (
    summary: string,
    input: Parameters<Activities[N]>[0],
    options: ActivityOptions = {},
  ): ReturnType<Activities[N]> => {
    const proxy = proxies[profile][name as 'prepareHost'];
    return proxy.executeWithOptions({ ...profiles[profile], summary, ...options }, [
      input as never,
    ]) as ReturnType<Activities[N]>;
  };
}
