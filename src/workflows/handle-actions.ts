import { invalidInputReason, invalidRequestIdReason, shownName } from '../domain/run/action-input.ts';
import {
  actionNames,
  actions,
  exampleInput,
  type ActionInputs,
  type ActionName,
  type WithReason,
} from '../domain/run/actions.ts';
import { recordAction } from '../domain/run/audit-trail.ts';
import { acceptActions, type ActionSender } from './accept-actions.ts';
import { actionEffects } from './action-effects.ts';
import { createActionInbox } from './action-inbox.ts';
import type { Run } from './run.ts';
import { whyUnreadable } from './sdk/payload-converter.ts';

/** Accepts the actions on a run. */
export function handleActions(run: Run, onAbort: () => void, onChange: () => void): void {
  const inbox = createActionInbox(
    () => run.plan.steps.length,
    () => {
      onChange();
      if (run.abortReason !== undefined) onAbort();
    },
  );
  acceptActions<ActionName, ActionInputs[ActionName]>({
    names: actionNames,
    describe(name) {
      const { summary, details } = actions[name];
      return `To ${summary}: ${exampleInput(name)}. ${details}`;
    },
    invalidReason: (name, input) => invalidReason(run, name, input),
    refusalReason: (name, input) => refusalReason(run, name, input),
    apply: (name, input, sender) => applyAction(run, name, input, sender),
    queue: (handle) => inbox.add(handle),
    answer: () => run.status,
    audited: run.status,
    requests: run.requests,
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

function refusalReason<Name extends ActionName>(
  run: Run,
  name: Name,
  input: ActionInputs[Name],
): string | undefined {
  return actionEffects[name].refusalReason(run, input) ?? (run.isEnding ? 'the run is ending' : undefined);
}

/** Applies a valid action and records it. */
function applyAction<Name extends ActionName>(
  run: Run,
  name: Name,
  input: ActionInputs[Name],
  { reason, by }: ActionSender,
): void {
  const recorded = actionEffects[name].apply(run, input, reason);
  recordAction(run.status, {
    action: name,
    ...(reason !== undefined && { reason }),
    ...recorded,
    ...(by !== undefined && { by }),
    atMs: Date.now(),
  });
}
