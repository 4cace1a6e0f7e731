import { ApplicationFailure, log, setHandler } from '@temporalio/workflow';
import { boundedText } from '../domain/bounded-text.ts';
import { plainText } from '../domain/terminal.ts';
import { activePart, type Intervention, type RunStatus } from '../domain/status.ts';
import * as messages from './messages.ts';
import { stepStatus, type Decision, type Run } from './run.ts';
import { settled } from './settled.ts';

/** Bytes as JSON: together with its step, which a plan bounds, a script must fit into one payload. */
const MAX_SCRIPT_BYTES = 256 * 1024;
/** Characters. */
const MAX_REASON_LENGTH = 1000;
const MAX_SHOWN_NAME_LENGTH = 100;
/** Older ones are forgotten: the history has them. */
const MAX_INTERVENTIONS = 100;

/** Lets everybody ask where a run is. */
export function answerQueries(status: () => RunStatus, launches: () => messages.LaunchesAnswer): void {
  setHandler(messages.statusQuery, status, { description: 'Where the run is, step by step.' });
  setHandler(messages.launchesQuery, launches, { description: 'For clients that read logs.' });
}

/** Lets people act on the run: each message as a signal (ignored and logged if it makes no sense) and as an update. */
export function handleMessages(run: Run, onAbort: () => void, onChange: () => void): void {
  const record = (intervention: Omit<Intervention, 'atMs'>) => {
    const { interventions } = run.status;
    interventions.push({ ...intervention, atMs: Date.now() });
    interventions.splice(0, interventions.length - MAX_INTERVENTIONS);
    onChange();
  };
  const decide = (action: 'retryStep' | 'skipStep', step: string, decision: Decision, reason?: string) => {
    run.decisions.set(step, decision);
    record({ action, step, ...(reason !== undefined && { reason }) });
  };

  const setPaused = (paused: boolean) => (input?: messages.WithReason) => {
    run.status.paused = paused;
    const reason = readReason(input);
    record({ action: paused ? 'pause' : 'resume', ...(reason !== undefined && { reason }) });
  };

  accept(run, messages.retryStep, {
    description: 'Runs a parked step (or its finalizer) again: {"step": "NAME"}, optionally with "script".',
    invalid: (input) => noSuchStep(run, input) ?? refuseScript(input.script),
    refuse: ({ step }) => refusePart(run, step),
    act: ({ step, script }) =>
      decide('retryStep', step, { kind: 'retry', ...(script !== undefined && { script }) }),
  });
  accept(run, messages.skipStep, {
    description: 'Treats a parked step (or its finalizer) as done: {"step": "NAME", "reason": "…"}.',
    invalid: (input) => noSuchStep(run, input),
    refuse: ({ step }) => refusePart(run, step),
    act: (input) => decide('skipStep', input.step, { kind: 'skip' }, readReason(input)),
  });
  accept(run, messages.abort, {
    description: 'Ends the run and everything of it that still runs: {"reason": "…"}.',
    refuse: () => (run.abortReason === undefined ? undefined : 'the run is being aborted already'),
    act: (input) => {
      run.abortReason = readReason(input) ?? 'no reason given';
      record({ action: 'abort', reason: run.abortReason });
      onAbort();
    },
  });
  accept(run, messages.pause, {
    description: 'Starts no further step until resume.',
    refuse: () => {
      if (run.watching) return "the host's own script is at work; it can't be paused, only aborted";
      return run.status.paused ? 'the run is paused already' : undefined;
    },
    act: setPaused(true),
  });
  accept(run, messages.resume, {
    description: 'Goes on after pause.',
    refuse: () => (run.status.paused ? undefined : 'the run is not paused'),
    act: setPaused(false),
  });
}

interface Handler<Input> {
  readonly description: string;
  /** Why the message never makes sense; nothing if it may. Messages come from anywhere, in any shape. */
  readonly invalid?: (input: Input) => string | undefined;
  /** Why the message makes no sense now; nothing if it does. */
  readonly refuse: (input: Input) => string | undefined;
  readonly act: (input: Input) => void;
}

function accept<Input>(
  run: Run,
  { name, signal, update }: messages.Message<Input>,
  { description, invalid = () => undefined, refuse, act }: Handler<Input>,
): void {
  const take = async (input: Input): Promise<string | undefined> => {
    const never = invalid(input);
    if (never !== undefined) return never;
    await settled();
    const reason = refuse(input) ?? (run.ending ? 'the run is ending' : undefined);
    if (reason === undefined) act(input);
    return reason;
  };
  const onSignal = async (input: Input) => {
    const reason = await take(input);
    if (reason !== undefined) log.warn(`ignored signal ${name}: ${reason}`);
  };
  const onUpdate = async (input: Input): Promise<RunStatus> => {
    throwIf(await take(input));
    return run.status;
  };
  setHandler(signal, onSignal, { description });
  setHandler(update, onUpdate, { description, validator: (input) => throwIf(invalid(input)) });
}

function throwIf(reason: string | undefined): void {
  if (reason !== undefined) throw ApplicationFailure.nonRetryable(reason, 'refused');
}

function noSuchStep(run: Run, input: { step?: unknown } | null | undefined): string | undefined {
  const name = input?.step;
  if (typeof name !== 'string') return 'the message must be an object such as {"step": "NAME"}';
  const names = run.status.steps.map((step) => step.name);
  return names.includes(name)
    ? undefined
    : `there is no step "${plainText(boundedText(name, MAX_SHOWN_NAME_LENGTH))}"; the steps are ${names.join(', ')}`;
}

function refusePart(run: Run, name: string): string | undefined {
  const step = stepStatus(run, name);
  const part = activePart(step);
  if (part.state !== 'parked')
    return `${part === step ? '' : 'the finalizer of '}${name} is ${part.state}, not parked`;
  if (run.decisions.has(name)) return `somebody has decided about ${name} already`;
  return undefined;
}

/** The reason of a message that may have any shape, as a failure can carry it. */
function readReason(input: { reason?: unknown } | null | undefined): string | undefined {
  const reason = input?.reason;
  return typeof reason === 'string' ? plainText(boundedText(reason, MAX_REASON_LENGTH)) : undefined;
}

function refuseScript(script: unknown): string | undefined {
  if (script === undefined) return undefined;
  if (typeof script !== 'string' || script.trim() === '' || script.includes('\0'))
    return 'script must be text';
  return new TextEncoder().encode(JSON.stringify(script)).length > MAX_SCRIPT_BYTES
    ? `script is longer than ${MAX_SCRIPT_BYTES} bytes (as JSON)`
    : undefined;
}
