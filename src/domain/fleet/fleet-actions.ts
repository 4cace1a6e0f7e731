import { checkStep, shownName, suggest, type KeyCheck } from '../run/action-input.ts';
import type { WithReason } from '../run/actions.ts';
import { isAmount, type Amount } from './amount.ts';
import { fleetLimits } from './limits.ts';

/** How many hosts may run at the same time. */
export interface SetConcurrency extends WithReason {
  readonly concurrency: number;
}

/** New error budgets: a number of hosts, or a share such as `5%`. At least one of the two. */
export interface SetMaxFailures extends WithReason {
  readonly maxFailures?: Amount;
  readonly maxWaveFailures?: Amount;
}

/** Which hosts to run again. */
export interface RetryHosts extends WithReason {
  /** Their names. */
  readonly hosts?: readonly string[];
  /** `failed`: all that failed. `notStarted`: all that were skipped before they started. */
  readonly which?: 'failed' | 'notStarted';
}

/** Hosts to treat as done. */
export interface SkipHosts extends WithReason {
  readonly hosts: readonly string[];
}

/** How a fleet ends early. */
export interface AbortFleet extends WithReason {
  /** What becomes of running hosts: `finish` (default) or `end`. */
  readonly running?: 'finish' | 'end';
}

/** A parked step to run again, on all hosts where it is parked. */
export interface RetryStepOfHosts extends WithReason {
  readonly step: string;
}

/** The inputs of the actions on a fleet, by their names. */
export interface FleetActionInputs {
  readonly promote: WithReason;
  readonly pause: WithReason;
  readonly resume: WithReason;
  readonly setConcurrency: SetConcurrency;
  readonly setMaxFailures: SetMaxFailures;
  readonly retry: RetryHosts;
  readonly skipHosts: SkipHosts;
  readonly retryStep: RetryStepOfHosts;
  readonly abort: AbortFleet;
}
/** The name of an action on a fleet. */
export type FleetActionName = keyof FleetActionInputs;

/** Describes an action for every place that shows or sends it. Its effect is in workflows/fleet/fleet-effects.ts. */
export interface FleetAction<Input extends WithReason> {
  /** What it does: `start the next wave`. */
  readonly summary: string;
  /** Full sentences that complete the summary. */
  readonly details: string;
  /** An input for users to copy. */
  readonly example: Input;
  /** The keys of its input besides `reason` and `requestId`. */
  readonly checks: { readonly [Key in Exclude<keyof Input, keyof WithReason>]-?: KeyCheck };
  /** What has happened once the fleet has accepted it. */
  readonly outcome: string;
}

const checkHosts: KeyCheck = (value, key, names) => {
  if (value === undefined) return undefined;
  if (!Array.isArray(value) || value.length === 0) return `${key} must be a list of names of hosts`;
  const known = new Set(names);
  const unknown: unknown = value.find((name) => typeof name !== 'string' || !known.has(name));
  if (unknown === undefined) return undefined;
  if (typeof unknown !== 'string') return `${key} must be a list of names of hosts`;
  return `there is no host "${shownName(unknown)}" in the fleet; ${suggest(unknown, 'hosts', names)}`;
};

const checkAmount: KeyCheck = (value, key) =>
  value === undefined || isAmount(value)
    ? undefined
    : `${key} must be a number of hosts, or a share such as 20%`;

const oneOf =
  (...words: string[]): KeyCheck =>
  (value, key) =>
    value === undefined || words.includes(value as string)
      ? undefined
      : `${key} must be ${words.join(' or ')}`;

const checkConcurrency: KeyCheck = (value, key) =>
  typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= fleetLimits.concurrency
    ? undefined
    : `${key} must be a whole number from 1 to ${fleetLimits.concurrency}`;

export const fleetActions: { readonly [Name in FleetActionName]: FleetAction<FleetActionInputs[Name]> } = {
  promote: {
    summary: 'start the next wave without waiting any longer',
    details: 'Possible once every host of the wave is over.',
    example: {},
    checks: {},
    outcome: 'The next wave starts',
  },
  pause: {
    summary: 'start no further host',
    details: 'Running hosts continue to their end; no other host starts until resume.',
    example: { reason: '…' },
    checks: {},
    outcome: 'The fleet is paused; running hosts continue',
  },
  resume: {
    summary: 'continue after a pause',
    details: 'The wave starts slowly again.',
    example: {},
    checks: {},
    outcome: 'The fleet continues',
  },
  setConcurrency: {
    summary: 'change how many hosts run at the same time',
    details: 'A lower number ends none; it holds once enough hosts are over.',
    example: { concurrency: 50 },
    checks: { concurrency: checkConcurrency },
    outcome: 'The fleet has another concurrency',
  },
  setMaxFailures: {
    summary: 'change how many hosts may fail',
    details: 'A fleet that has exceeded its error budget continues if the new one allows it.',
    example: { maxFailures: '5%' },
    checks: { maxFailures: checkAmount, maxWaveFailures: checkAmount },
    outcome: 'The fleet has another error budget',
  },
  retry: {
    summary: 'run failed or skipped hosts again, before all others',
    details: 'What is done on a host is not repeated.',
    example: { which: 'failed' },
    checks: { hosts: checkHosts, which: oneOf('failed', 'notStarted') },
    outcome: 'The hosts run again',
  },
  skipHosts: {
    summary: 'treat failed or pending hosts as done',
    details:
      'They no longer use the error budget. A host whose run is open cannot be skipped: abort that run first.',
    example: { hosts: ['NAME'], reason: '…' },
    checks: {
      hosts: (value, key, names) =>
        value === undefined ? `${key} is missing` : checkHosts(value, key, names),
    },
    outcome: 'The hosts are skipped',
  },
  retryStep: {
    summary: 'run a parked step again on every host where it is parked',
    details: 'Each run records it in its audit trail.',
    example: { step: 'NAME' },
    checks: { step: checkStep },
    outcome: 'The parked steps run again',
  },
  abort: {
    summary: 'end the fleet',
    details:
      'Nothing starts any more. Running hosts finish (running: finish, the default), or their runs are aborted (running: end).',
    example: { running: 'finish', reason: '…' },
    checks: { running: oneOf('finish', 'end') },
    outcome: 'The fleet is being aborted',
  },
};

export const fleetActionNames = Object.keys(fleetActions) as FleetActionName[];

/** `{"concurrency":50}` */
export function exampleFleetInput(name: FleetActionName): string {
  return JSON.stringify(fleetActions[name].example);
}
