import { ApplicationFailure, log, setHandler } from '@temporalio/workflow';
import { boundedText } from '../domain/bounded-text.ts';
import { durationMs } from '../domain/duration.ts';
import { plainText } from '../domain/terminal.ts';
import type { Intervention, RunStatus } from '../domain/status.ts';
import * as messages from './messages.ts';
import { extendStep, refuseExtension } from './timeouts.ts';
import {
  noSuchStep,
  refuseDuration,
  refuseEnv,
  refuseFlag,
  refuseMoreEnv,
  refuseRequestId,
  refuseScript,
  stepRefusal,
} from './refusals.ts';
import { refuseReset, resetDownstream } from './resets.ts';
import type { Run } from './run.ts';
import { createSettling } from './settled.ts';

/** Characters. */
const MAX_REASON_LENGTH = 1000;
const MAX_IDENTITY_LENGTH = 200;
const MAX_NAMES_LENGTH = 1000;
/** Older ones are forgotten: the history has them. */
const MAX_INTERVENTIONS = 100;
const MAX_REQUESTS = 200;

/** Lets everybody ask where a run is. */
export function answerQueries(status: () => RunStatus, launches: () => messages.LaunchesAnswer): void {
  setHandler(messages.statusQuery, status, { description: 'Where the run is, step by step.' });
  setHandler(messages.launchesQuery, launches, { description: 'For clients that read logs.' });
}

/** Lets people act on the run: each message as a signal (ignored and logged if it makes no sense) and as an update. */
export function handleMessages(run: Run, onAbort: () => void, onChange: () => void): void {
  const settled = createSettling();
  const accept = <Input extends messages.WithReason | undefined>(
    message: messages.Message<Input>,
    handler: Handler<Input>,
  ) => acceptMessage(run, message, handler, { settled, onChange });

  accept(messages.retryStep, {
    description:
      'Runs a parked step (or its finalizer) again: {"step": "NAME"}, optionally with "script", "env": {"NAME": "value"}, ' +
      '"resetDownstream": true (then also one that is done, with all that needs it).',
    invalid: (input) =>
      noSuchStep(run, input) ??
      refuseScript(input.script) ??
      refuseEnv(input.env) ??
      refuseFlag('resetDownstream', input.resetDownstream),
    refuse: (input) =>
      (input.resetDownstream === true ? refuseReset(run, input.step) : stepRefusal(run, input.step)) ??
      refuseMoreEnv(run, input),
    act({ step, script, env, resetDownstream: reset }) {
      const change = { ...(script !== undefined && { script }), ...(env !== undefined && { env }) };
      const names = env && recordedNames(Object.keys(env));
      const others = reset === true ? resetDownstream(run, step, change) : undefined;
      if (!others) run.decisions.set(step, { kind: 'retry', ...change });
      return {
        step,
        ...(script !== undefined && { script: true as const }),
        ...(names && { env: names }),
        ...(others && { reset: others }),
      };
    },
  });
  accept(messages.skipStep, {
    description: 'Treats a parked step (or its finalizer) as done: {"step": "NAME", "reason": "…"}.',
    invalid: (input) => noSuchStep(run, input),
    refuse: ({ step }) => stepRefusal(run, step),
    act({ step }) {
      run.decisions.set(step, { kind: 'skip' });
      return { step };
    },
  });
  accept(messages.extendTimeout, {
    description: 'Gives a step more time than its timeout: {"step": "NAME", "by": "10m"}.',
    invalid: (input) => noSuchStep(run, input) ?? refuseDuration(input.by),
    refuse: ({ step, by }) => refuseExtension(run, step, durationMs(by, 0)),
    act({ step, by }) {
      const extendedByMs = durationMs(by, 0);
      extendStep(run, step, extendedByMs);
      return { step, extendedByMs };
    },
  });
  accept(messages.abort, {
    description: 'Ends the run and everything of it that still runs: {"reason": "…"}.',
    refuse: () => (run.abortReason === undefined ? undefined : 'the run is being aborted already'),
    act(input) {
      run.abortReason = readText(input?.reason, MAX_REASON_LENGTH) ?? 'no reason given';
      return { reason: run.abortReason };
    },
    after: onAbort,
  });
  accept(messages.pause, {
    description: 'Starts no further step until resume.',
    refuse: () => {
      if (run.watching) return "this run follows the host's own script; it can't be paused, only aborted";
      return run.status.paused ? 'the run is paused already' : undefined;
    },
    act() {
      run.status.paused = true;
      return {};
    },
  });
  accept(messages.resume, {
    description: 'Goes on after pause.',
    refuse: () => (run.status.paused ? undefined : 'the run is not paused'),
    act() {
      run.status.paused = false;
      return {};
    },
  });
}

/** What is recorded of a message beside who sent it, when and why. */
type Recorded = Omit<Intervention, 'action' | 'by' | 'atMs'>;

interface Handler<Input> {
  readonly description: string;
  /** Why the message never makes sense; nothing if it may. Messages come from anywhere, in any shape. */
  readonly invalid?: (input: Input) => string | undefined;
  /** Why the message makes no sense now; nothing if it does. */
  readonly refuse: (input: Input) => string | undefined;
  readonly act: (input: Input) => Recorded;
  /** What follows once it is recorded. */
  readonly after?: () => void;
}

function acceptMessage<Input extends messages.WithReason | undefined>(
  run: Run,
  { name, signal, update }: messages.Message<Input>,
  { description, invalid = () => undefined, refuse, act, after }: Handler<Input>,
  { settled, onChange }: { settled: () => Promise<void>; onChange: () => void },
): void {
  const never = (input: Input) => invalid(input) ?? refuseRequestId(input?.requestId);
  const take = async (input: Input, sender: unknown): Promise<string | undefined> => {
    const senseless = never(input);
    if (senseless !== undefined) return senseless;
    await settled();
    const id = input?.requestId;
    const known = id === undefined ? undefined : run.requests.get(id);
    if (known === name) return undefined;
    if (known !== undefined) return `the request id was used for ${known} already`;
    const reason = refuse(input) ?? (run.ending ? 'the run is ending' : undefined);
    if (reason !== undefined) return reason;
    const why = readText(input?.reason, MAX_REASON_LENGTH);
    const by = readText(sender, MAX_IDENTITY_LENGTH);
    const recorded = {
      ...(why !== undefined && { reason: why }),
      ...act(input),
      ...(by !== undefined && { by }),
    };
    remember(run, { action: name, ...recorded, atMs: Date.now() }, id);
    onChange();
    after?.();
    return undefined;
  };
  const onSignal = async (input: Input, sender?: unknown) => {
    const reason = await take(input, sender);
    if (reason !== undefined) log.warn(`ignored signal ${name}: ${reason}`);
  };
  const onUpdate = async (input: Input, sender?: unknown): Promise<RunStatus> => {
    throwIf(await take(input, sender));
    return run.status;
  };
  setHandler(signal, onSignal, { description });
  setHandler(update, onUpdate, { description, validator: (input) => throwIf(never(input)) });
}

function remember(run: Run, intervention: Intervention, requestId: string | undefined): void {
  const { interventions } = run.status;
  interventions.push(intervention);
  interventions.splice(0, interventions.length - MAX_INTERVENTIONS);
  if (requestId === undefined) return;
  run.requests.set(requestId, intervention.action);
  const [oldest] = run.requests.keys();
  if (oldest !== undefined && run.requests.size > MAX_REQUESTS) run.requests.delete(oldest);
}

/** As many names as a status has room for, a hundred times over. */
function recordedNames(names: readonly string[]): string[] {
  let length = 0;
  const kept = names.filter((name) => (length += name.length) <= MAX_NAMES_LENGTH);
  const left = names.length - kept.length;
  return left === 0 ? kept : [...kept, `${left} more`];
}

function throwIf(reason: string | undefined): void {
  if (reason !== undefined) throw ApplicationFailure.nonRetryable(reason, 'refused');
}

/** A text of a message that may have any shape, as a failure can carry it. */
function readText(text: unknown, maxLength: number): string | undefined {
  return typeof text === 'string' && text !== '' ? plainText(boundedText(text, maxLength)) : undefined;
}
