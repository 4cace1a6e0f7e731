import { CancellationScope, condition } from '@temporalio/workflow';

/** Rounds until a change has spread through the plan. Steps that need one another unblock in turn, two rounds each. */
const ROUNDS = { eachStep: 2, more: 32 } as const;

/** Queues actions until their turn. */
export interface ActionInbox {
  /** Resolves once `handle` has been called. */
  add(handle: () => void): Promise<void>;
}

/**
 * Creates the inbox of a run. It handles an action only after everything that arrived with it has had its effect. If one workflow
 * task brings an action and the end of an activity that reached the server earlier, the SDK delivers the action first; without
 * the inbox, a retry of a step that is shown as parked would be refused because the step still runs.
 *
 * Actions that arrive together are handled together, in order, with one call of `onHandled`. Each round checks every condition of
 * the run, and publishing a status takes milliseconds, so handling thousands of actions one by one would take longer than a
 * workflow task may.
 */
export function createActionInbox(countSteps: () => number, onHandled: () => void): ActionInbox {
  let handlers: (() => void)[] = [];
  let emptying: Promise<void> | undefined;
  const empty = async () => {
    const rounds = ROUNDS.eachStep * countSteps() + ROUNDS.more;
    for (let round = 0; round < rounds; round += 1) await nextRound();
    const batch = handlers;
    handlers = [];
    emptying = undefined;
    for (const handle of batch) handle();
    onHandled();
  };
  return {
    add(handle) {
      handlers.push(handle);
      emptying ??= CancellationScope.nonCancellable(empty);
      return emptying;
    },
  };
}

/** The SDK evaluates conditions only when no other code can continue. This one is true at its second evaluation. */
function nextRound(): Promise<void> {
  let seen = false;
  return condition(() => {
    const again = seen;
    seen = true;
    return again;
  });
}
