import {
  ApplicationFailure,
  defineSignal,
  defineUpdate,
  log,
  setDefaultSignalHandler,
  setHandler,
} from '@temporalio/workflow';
import { shownName, suggest } from '../domain/run/action-input.ts';
import { recordAction, type Audited } from '../domain/run/audit-trail.ts';
import { boundedText } from '../domain/text/bounded-text.ts';
import { plainText } from '../domain/text/plain-text.ts';

/** In characters. */
const MAX_REASON_LENGTH = 1000;
const MAX_IDENTITY_LENGTH = 200;
/** The number of ids that are remembered. Older ones are only in the history. */
const MAX_REQUESTS = 200;

/** What a workflow does with its actions. */
export interface Acceptor<Name extends string, Input extends { readonly requestId?: string }> {
  readonly names: readonly Name[];
  /** What the UI shows beside the signal and the update. */
  readonly describe: (name: Name) => string;
  /** Returns why an input of any shape is invalid whatever the state of the workflow. */
  readonly invalidReason: (name: Name, input: Input | undefined) => string | undefined;
  /** Returns why a valid action is refused now. */
  readonly refusalReason: (name: Name, input: Input) => string | undefined;
  /** Applies an action and records it. */
  readonly apply: (name: Name, input: Input, sender: ActionSender) => void;
  /** Calls `handle` when it is the turn of an action, and resolves after that. */
  readonly queue: (handle: () => void) => Promise<void>;
  /** The answer to an accepted update. */
  readonly answer: () => unknown;
  /** Where refused signals are recorded. */
  readonly audited: Audited;
  /** The accepted actions, by their request ids. */
  readonly requests: Map<string, string>;
}

/** Who sent an action, and why: as the audit trail has it. */
export interface ActionSender {
  readonly reason?: string;
  readonly by?: string;
}

/**
 * Accepts every action as an update, which is answered, and as a signal. The sender of a signal gets no answer, so a refused
 * signal is recorded with the reason, whatever its name and input.
 */
export function acceptActions<Name extends string, Input extends { readonly requestId?: string }>(
  acceptor: Acceptor<Name, Input>,
): void {
  const { names, queue } = acceptor;
  for (const name of names) acceptAction(acceptor, name);
  // Comes last, because it also handles signals that arrived before: those with a handler above must be delivered to it.
  setDefaultSignalHandler((name, input, sender) =>
    queue(() => {
      const refused = `unknown signal "${shownName(name)}"; ${suggest(name, 'actions', names)}`;
      recordRefused(acceptor, { action: shownName(name), input, sender, refused });
    }),
  );
}

function acceptAction<Name extends string, Input extends { readonly requestId?: string }>(
  acceptor: Acceptor<Name, Input>,
  name: Name,
): void {
  const { queue, invalidReason, answer } = acceptor;
  /** Returns why the action is refused; undefined if it was accepted. */
  const accept = (input: Input, sender: unknown) =>
    invalidReason(name, input) ?? applyOnce(acceptor, name, input ?? {}, sender);
  const onSignal = (input: Input, sender?: unknown): Promise<void> =>
    queue(() => {
      const refused = accept(input, sender);
      if (refused !== undefined) recordRefused(acceptor, { action: name, input, sender, refused });
    });
  const onUpdate = async (input: Input, sender?: unknown): Promise<unknown> => {
    let reason: string | undefined;
    await queue(() => (reason = accept(input, sender)));
    throwIf(reason);
    return answer();
  };
  const description = acceptor.describe(name);
  setHandler(defineSignal<[Input]>(name), onSignal, { description });
  setHandler(defineUpdate<unknown, [Input]>(name), onUpdate, {
    description,
    validator: (input) => throwIf(invalidReason(name, input)),
  });
}

/** Applies a valid action once, or returns why it is refused now. */
function applyOnce<Name extends string, Input extends { readonly requestId?: string }>(
  { requests, refusalReason, apply }: Acceptor<Name, Input>,
  name: Name,
  input: Input,
  sender: unknown,
): string | undefined {
  const { requestId } = input;
  const earlier = requestId === undefined ? undefined : requests.get(requestId);
  if (earlier === name) return undefined;
  if (earlier !== undefined) return `the request id was already used for ${earlier}`;
  const refused = refusalReason(name, input);
  if (refused !== undefined) return refused;
  const reason = readText((input as { readonly reason?: unknown }).reason, MAX_REASON_LENGTH);
  const by = readText(sender, MAX_IDENTITY_LENGTH);
  apply(name, input, { ...(reason !== undefined && { reason }), ...(by !== undefined && { by }) });
  if (requestId !== undefined) rememberRequest(requests, requestId, name);
  return undefined;
}

interface RefusedSignal {
  readonly action: string;
  readonly input: unknown;
  readonly sender: unknown;
  readonly refused: string;
}

/** Records a signal that changed nothing, so that the status shows its sender why. */
export function recordRefused(
  { audited }: { readonly audited: Audited },
  { action, input, sender, refused }: RefusedSignal,
): void {
  log.warn(`refused signal ${action}: ${refused}`);
  const step = (input as { readonly step?: unknown } | null | undefined)?.step;
  const by = readText(sender, MAX_IDENTITY_LENGTH);
  recordAction(audited, {
    action,
    ...(typeof step === 'string' && { step: shownName(step) }),
    ...(by !== undefined && { by }),
    refused,
    atMs: Date.now(),
  });
}

function rememberRequest(requests: Map<string, string>, requestId: string, action: string): void {
  requests.set(requestId, action);
  const [oldest] = requests.keys();
  if (oldest !== undefined && requests.size > MAX_REQUESTS) requests.delete(oldest);
}

function throwIf(reason: string | undefined): void {
  if (reason !== undefined) throw ApplicationFailure.nonRetryable(reason, 'refused');
}

/** Reads a text from an input of any shape, in a form that a failure can carry. */
function readText(text: unknown, maxLength: number): string | undefined {
  return typeof text === 'string' && text !== '' ? plainText(boundedText(text, maxLength)) : undefined;
}
