import { setTimeout as delay } from 'node:timers/promises';

/** Many conditions cost a request to the server, so a long wait asks less often than a short one. */
const FIRST_DELAY_MS = 30;
const LONGEST_DELAY_MS = 250;

/** Waits until the condition is true. Throws an error with `what` and `describe()` after `withinMs`. */
export async function poll(
  isMet: () => boolean | Promise<boolean>,
  what: string,
  describe: () => string = () => '',
  withinMs = 100_000,
): Promise<void> {
  const end = Date.now() + withinMs;
  for (let delayMs = FIRST_DELAY_MS; !(await isMet()); delayMs = Math.min(LONGEST_DELAY_MS, delayMs * 1.3)) {
    if (Date.now() > end) throw new Error(`waited ${withinMs} ms in vain: ${what}\n${describe()}`);
    await delay(delayMs);
  }
}
