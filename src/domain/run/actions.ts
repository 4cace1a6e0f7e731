import type { Duration } from '../text/duration.ts';
import { checkDuration, checkEnv, checkFlag, checkScript, checkStep, type KeyCheck } from './action-input.ts';
import { activePart, hasTrouble, isPartOver, type PartStatus, type RunStatus } from './status.ts';

// Each action has one object as its input, because the Temporal UI and CLI send one JSON payload.

/** What every action accepts besides its own keys. */
export interface WithReason {
  /** The reason for the audit trail. At most 1000 characters; the rest is cut. */
  readonly reason?: string;
  /**
   * Makes the action safe to repeat: a run applies the first action with this id and answers later ones with its status. At most
   * 200 characters; the run remembers the latest 200 ids. A refused action may be sent again with the same id.
   */
  readonly requestId?: string;
}

/** The step to run again, or whose finalizer to run again. */
export interface RetryStep extends WithReason {
  readonly step: string;
  /** Replaces the script of the step or finalizer. At most 262 144 bytes as JSON. */
  readonly script?: string;
  /**
   * Added to the environment of the step or finalizer; overrides the plan's. At most 65 536 bytes as JSON, together with what
   * earlier retries set. Kept in the history, so it must not contain secrets.
   */
  readonly env?: Readonly<Record<string, string>>;
  /**
   * Also resets every step that needs this one: they run again after it, and those that are running are ended first. The step
   * itself may then be a done step. Allowed until the finalizers begin.
   */
  readonly resetDownstream?: boolean;
  /**
   * Ends the latest launch, even a running one, and starts another. Without it, the retry keeps a launch that is running or has
   * succeeded.
   */
  readonly force?: boolean;
}

/** The step to treat as done, or whose finalizer to treat as done. */
export interface SkipStep extends WithReason {
  readonly step: string;
}

/** The step that gets more time. */
export interface ExtendTimeout extends WithReason {
  readonly step: string;
  /** How much to add to its timeout, also for later attempts and its finalizer: `10m`, or milliseconds. */
  readonly by: Duration;
}

export interface ActionInputs {
  /** The argument of the signal and update `retryStep`. */
  readonly retryStep: RetryStep;
  /** The argument of `skipStep`. */
  readonly skipStep: SkipStep;
  /** The argument of `abort`, which may be missing. */
  readonly abort: WithReason;
  /** The argument of `pause`, which may be missing. */
  readonly pause: WithReason;
  /** The argument of `resume`, which may be missing. */
  readonly resume: WithReason;
  /** The argument of `extendTimeout`. */
  readonly extendTimeout: ExtendTimeout;
}
export type ActionName = keyof ActionInputs;
/** The input of any action, complete or not. */
export type ActionInput = Partial<RetryStep & SkipStep & ExtendTimeout>;
export type ActionMethod = 'retry' | 'skip' | 'extendTimeout' | 'pause' | 'resume' | 'abort';

/** Describes an action for every place that shows or sends it. Its effect on a run is in workflows/action-effects.ts. */
export interface Action<Input extends WithReason> {
  readonly method: ActionMethod;
  readonly command: string;
  /** The key of the live view that sends it. */
  readonly key: string;
  /** What it does: `run a parked step again`. */
  readonly summary: string;
  /** Full sentences that complete the summary. */
  readonly details: string;
  /** An input for users to copy. */
  readonly example: Input;
  /** The keys of its input besides `reason` and `requestId`. */
  readonly checks: { readonly [Key in Exclude<keyof Input, keyof WithReason>]-?: KeyCheck };
  /** Accepts any input: a typing mistake must not keep a run alive that has to end. */
  readonly acceptsAnyInput?: true;
  /** Selects between actions that share a key. */
  readonly fitsRun?: (status: RunStatus) => boolean;
  /** Missing for an action on the whole run. */
  readonly onStep?: {
    /** The state of the parts that are offered first when no step is named. */
    readonly defaultState: 'parked' | 'running';
    readonly fits: (part: PartStatus, input: ActionInput) => boolean;
    /** The message if no step is suitable. */
    readonly noneFits: string;
  };
  /** What it does to a parked part, for the operator who must decide: `runs it again`. */
  readonly whenParked?: string;
  /** What the live view asks for before it sends the action. A reason is confirmed as well. */
  readonly prompt?: { readonly key: 'reason' | 'by'; readonly question: (subject: string) => string };
  /** True if the live view asks for confirmation first. */
  readonly isConfirmed?: true;
  /** What a command asks before it sends the action to many runs. `runs` is `3 runs`. */
  readonly confirmMany?: (runs: string) => string;
  /** What has happened once a run has accepted it. `status` is missing where it is unknown. */
  readonly outcome: (input: ActionInput, status?: RunStatus) => string;
}

const isParked = ({ state }: PartStatus) => state === 'parked';

export const actions: { readonly [Name in ActionName]: Action<ActionInputs[Name]> } = {
  retryStep: {
    method: 'retry',
    command: 'retry',
    key: 'r',
    summary: 'run a parked step, or its finalizer, again',
    details:
      'A launch that is still running or has ended well counts, so nothing runs twice; force (--force) ends it and starts another, also ' +
      'for a step that runs. If the host cannot be reached, the run asks it again at once. script and env replace the script and ' +
      'add to the environment of this and later attempts. resetDownstream (--reset-downstream) runs the step and everything that needs it again, ' +
      'even if the step was done; this is possible until the finalizers begin.',
    example: { step: 'NAME' },
    checks: {
      step: checkStep,
      script: checkScript,
      env: checkEnv,
      resetDownstream: checkFlag,
      force: checkFlag,
    },
    onStep: {
      defaultState: 'parked',
      fits: (part, { resetDownstream, force }) =>
        resetDownstream === true ||
        isParked(part) ||
        part.trouble !== undefined ||
        (force === true && !isPartOver(part)),
      noneFits: 'no step is parked',
    },
    whenParked: 'runs it again',
    isConfirmed: true,
    outcome({ step: name, force }, status) {
      const step = status?.steps.find((each) => each.name === name);
      if (!step || !activePart(step).trouble) return `${name} runs again`;
      return force === true
        ? `${name} will be ended and run again once the host answers`
        : `The run now asks the host about ${name}`;
    },
  },
  skipStep: {
    method: 'skip',
    command: 'skip',
    key: 's',
    summary: 'treat a parked step, or its finalizer, as done',
    details:
      'The steps that need it start, and the run may end as provisioned; its result names what was skipped. A skipped step is ' +
      'not a done step: the next run of the plan runs it, then the steps that need it and the finalizers.',
    example: { step: 'NAME', reason: '…' },
    checks: { step: checkStep },
    onStep: { defaultState: 'parked', fits: isParked, noneFits: 'no step is parked' },
    whenParked: 'treats it as done',
    prompt: {
      key: 'reason',
      question: (step) =>
        `Reason for skipping ${step} (optional). Enter: continue to confirmation · Esc: cancel`,
    },
    isConfirmed: true,
    confirmMany: (runs) => `Skip the parked steps of ${runs}?`,
    // Processes of the step are ended first.
    outcome: ({ step }, status) =>
      status && hasTrouble(status) ? `${step} will be skipped once the host answers` : `${step} is skipped`,
  },
  abort: {
    method: 'abort',
    command: 'abort',
    key: 'x',
    summary: 'end the run and everything of it that still runs',
    details:
      'No finalizer runs and no sentinel is written. What finished steps have left running, such as services, is not ended. ' +
      'The answer comes before the run has ended.',
    example: { reason: '…' },
    checks: {},
    acceptsAnyInput: true,
    whenParked: 'ends the run',
    prompt: {
      key: 'reason',
      question: (run) =>
        `Reason for aborting ${run} (optional). Enter: continue to confirmation · Esc: keep running`,
    },
    isConfirmed: true,
    confirmMany: (runs) => `Abort ${runs} and end everything they still run on their hosts?`,
    outcome: () => 'The run is being aborted',
  },
  pause: {
    method: 'pause',
    command: 'pause',
    key: 'p',
    summary: 'start no further step',
    details:
      'Steps that run continue to their end; no other step starts until resume. A run that follows a self-provisioning host ' +
      'cannot be paused.',
    example: { reason: '…' },
    checks: {},
    fitsRun: ({ paused }) => !paused,
    outcome: () => 'The run is paused; running steps continue',
  },
  resume: {
    method: 'resume',
    command: 'resume',
    key: 'p',
    summary: 'continue after a pause',
    details: 'The run starts every step whose needs are done.',
    example: {},
    checks: {},
    fitsRun: ({ paused }) => paused,
    outcome: () => 'The run continues',
  },
  extendTimeout: {
    method: 'extendTimeout',
    command: 'extend',
    key: 'e',
    summary: 'give a step more time before its timeout',
    details: 'Works while the step runs and before; also counts for its later attempts and its finalizer.',
    example: { step: 'NAME', by: '10m' },
    checks: { step: checkStep, by: checkDuration },
    onStep: {
      defaultState: 'running',
      fits: (part) => !isPartOver(part),
      noneFits: 'no step will run any more',
    },
    prompt: {
      key: 'by',
      question: (step) => `How much more time for ${step} (30m, 2h)? Enter: extend · Esc: cancel`,
    },
    outcome: ({ step, by }) => `${step} has ${by} more`,
  },
};

export const actionNames = Object.keys(actions) as ActionName[];

/** The actions that each key of the live view sends: pause and resume share one. */
export const actionsByKey: ReadonlyMap<string, readonly ActionName[]> = new Map(
  actionNames.map((name) => {
    const { key } = actions[name];
    return [key, actionNames.filter((each) => actions[each].key === key)];
  }),
);

/** The message while Temporal's workflow pause holds the run, which then accepts no update. */
export const SENT_AS_SIGNAL =
  "Sent as a signal: Temporal's workflow pause holds the run, which accepts or refuses it once it is unpaused";

/** What an operator can do about a parked part: `retryStep, skipStep or abort`. */
export const PARKED_ACTIONS = joinOr(actionNames.filter((name) => actions[name].whenParked !== undefined));

/** `{"step":"NAME","by":"10m"}`; `step` replaces NAME. */
export function exampleInput(name: ActionName, step?: string): string {
  const { example } = actions[name];
  return JSON.stringify(step === undefined || !('step' in example) ? example : { ...example, step });
}

function joinOr(names: readonly string[]): string {
  return `${names.slice(0, -1).join(', ')} or ${names.at(-1)}`;
}
