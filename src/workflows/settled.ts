import { CancellationScope, condition } from '@temporalio/workflow';

/** A chain of steps that need one another unblocks one by one, each in a round of its own; a plan has 64 at most. */
const ROUNDS = 160;

/**
 * Makes the wait of a run's messages: it resolves once everything that came with a message has had its effect. The SDK
 * hands messages over before the ends of activities and timers that reached the engine earlier, if one workflow task brings
 * them all: who retries a step that is shown as parked must not be told that it is running.
 *
 * Messages that come together wait together: each round looks at everything that the run waits for, so hundreds of
 * messages with rounds of their own would take longer than a workflow task may.
 */
export function createSettling(): () => Promise<void> {
  let settling: Promise<void> | undefined;
  return () => {
    settling ??= CancellationScope.nonCancellable(async () => {
      for (let round = 0; round < ROUNDS; round += 1) await nextRound();
      settling = undefined;
    });
    return settling;
  };
}

/** Conditions are looked at when nothing else can go on; this one is true at the second look. */
function nextRound(): Promise<void> {
  let seen = false;
  return condition(() => {
    const again = seen;
    seen = true;
    return again;
  });
}
