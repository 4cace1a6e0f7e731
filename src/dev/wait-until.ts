import { setTimeout as sleep } from 'node:timers/promises';

/** Polls until the condition holds; returns false if it does not by the deadline. */
export async function waitUntil(
  condition: () => boolean | Promise<boolean>,
  { withinMs, everyMs }: { readonly withinMs: number; readonly everyMs: number },
): Promise<boolean> {
  const deadline = performance.now() + withinMs;
  while (!(await condition())) {
    if (performance.now() >= deadline) return false;
    await sleep(everyMs);
  }
  return true;
}
