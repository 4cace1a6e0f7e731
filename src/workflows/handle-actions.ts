import {
  ApplicationFailure,
  defineSignal,
  defineUpdate,
  log,
  setDefaultSignalHandler,
  setHandler,
} from '@temporalio/workflow';
import {
  invalidInputReason,
  invalidRequestIdReason,
  shownName,
  suggest,
} from '../domain/run/action-input.ts';
import {
  actionNames,
  actions,
  exampleInput,
  type ActionInputs,
  type ActionName,
  type WithReason,
} from '../domain/run/actions.ts';
import { recordAction } from '../domain/run/audit-trail.ts';
import type { RunStatus } from '../domain/run/status.ts';
import { boundedText } from '../domain/text/bounded-text.ts';
import { plainText } from '../domain/text/plain-text.ts';
import { actionEffects } from './action-effects.ts';
import { createActionInbox, type ActionInbox } from './action-inbox.ts';
import type { Run } from './run.ts';
import { whyUnreadable } from './sdk/payload-converter.ts';

/** In characters. */
const MAX_REASON_LENGTH = 1000;
const MAX_IDENTITY_LENGTH = 200;
/** The number of ids that a run remembers. Older ones are only in the history. */
const MAX_REQUESTS = 200;

/**
 * Accepts every action as an update, which is answered, and as a signal. The sender of a signal gets no answer, so a refused
 * signal is recorded with the reason, whatever its name and input.
 */
export function handleActions(run: Run, onAbort: () => void, onChange: () => void): void {
  const inbox = createActionInbox(
    () => run.plan.steps.length,
    () => {
      onChange();
      if (run.abortReason !== undefined) onAbort();
    },
  );
  for (const name of actionNames) handleAction(run, name, inbox);
  // Comes last, because it also handles signals that arrived before: those with a handler above must be delivered to it.
  setDefaultSignalHandler((name, input, sender) =>
    inbox.add(() => {
      const refused = `unknown signal "${shownName(name)}"; ${suggest(name, 'actions', actionNames)}`;
      recordRefused(run, { action: shownName(name), input, sender, refused });
    }),
  );
}

function handleAction(run: Run, name: ActionName, inbox: ActionInbox): void {
  type Input = ActionInputs[ActionName];
  /** Returns why the action is refused; undefined if it was accepted. */
  const accept = (input: Input, sender: unknown) =>
    invalidReason(run, name, input) ?? applyAction(run, name, input ?? {}, sender);
  const onSignal = (input: Input, sender?: unknown): Promise<void> =>
    inbox.add(() => {
      const refused = accept(input, sender);
      if (refused !== undefined) recordRefused(run, { action: name, input, sender, refused });
    });
  const onUpdate = async (input: Input, sender?: unknown): Promise<RunStatus> => {
    let reason: string | undefined;
    await inbox.add(() => (reason = accept(input, sender)));
    throwIf(reason);
    return run.status;
  };
  const { summary, details } = actions[name];
  const description = `To ${summary}: ${exampleInput(name)}. ${details}`;
  setHandler(defineSignal<[Input]>(name), onSignal, { description });
  setHandler(defineUpdate<RunStatus, [Input]>(name), onUpdate, {
    description,
    validator: (input) => throwIf(invalidReason(run, name, input)),
  });
}

/** Returns why an input is invalid whatever the state of the run. */
function invalidReason(run: Run, name: ActionName, input: WithReason | undefined): string | undefined {
  const { checks, acceptsAnyInput } = actions[name];
  const invalidId = () => invalidRequestIdReason(input?.requestId);
  if (acceptsAnyInput) return invalidId();
  const unreadable = whyUnreadable(input);
  if (unreadable !== undefined) return `the input cannot be read: ${shownName(unreadable)}`;
  const steps = run.status.steps.map((step) => step.name);
  return invalidInputReason(checks, input, steps) ?? invalidId();
}

/** Applies a valid action once and records it, or returns why it is refused now. */
function applyAction<Name extends ActionName>(
  run: Run,
  name: Name,
  input: ActionInputs[Name],
  sender: unknown,
): string | undefined {
  const { requestId } = input;
  const earlier = requestId === undefined ? undefined : run.requests.get(requestId);
  if (earlier === name) return undefined;
  if (earlier !== undefined) return `the request id was already used for ${earlier}`;
  const effect = actionEffects[name];
  const refused = effect.refusalReason(run, input) ?? (run.isEnding ? 'the run is ending' : undefined);
  if (refused !== undefined) return refused;
  const reason = readText(input.reason, MAX_REASON_LENGTH);
  const by = readText(sender, MAX_IDENTITY_LENGTH);
  const recorded = effect.apply(run, input, reason);
  recordAction(run.status, {
    action: name,
    ...(reason !== undefined && { reason }),
    ...recorded,
    ...(by !== undefined && { by }),
    atMs: Date.now(),
  });
  if (requestId !== undefined) rememberRequest(run, requestId, name);
  return undefined;
}

interface RefusedSignal {
  readonly action: string;
  readonly input: unknown;
  readonly sender: unknown;
  readonly refused: string;
}

/** Records a signal that changed nothing, so that the status shows its sender why. */
function recordRefused(run: Run, { action, input, sender, refused }: RefusedSignal): void {
  log.warn(`refused signal ${action}: ${refused}`);
  const step = (input as { readonly step?: unknown } | null | undefined)?.step;
  const by = readText(sender, MAX_IDENTITY_LENGTH);
  recordAction(run.status, {
    action,
    ...(typeof step === 'string' && { step: shownName(step) }),
    ...(by !== undefined && { by }),
    refused,
    atMs: Date.now(),
  });
}

function rememberRequest(run: Run, requestId: string, action: string): void {
  run.requests.set(requestId, action);
  const [oldest] = run.requests.keys();
  if (oldest !== undefined && run.requests.size > MAX_REQUESTS) run.requests.delete(oldest);
}

function throwIf(reason: string | undefined): void {
  if (reason !== undefined) throw ApplicationFailure.nonRetryable(reason, 'refused');
}

/** Reads a text from an input of any shape, in a form that a failure can carry. */
function readText(text: unknown, maxLength: number): string | undefined {
  return typeof text === 'string' && text !== '' ? plainText(boundedText(text, maxLength)) : undefined;
}
