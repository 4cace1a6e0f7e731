import { setTimeout as delay } from 'node:timers/promises';

/** Waits until the condition is true. Throws an error with `what` and `describe()` after `withinMs`. */
export async function poll(
  isMet: () => boolean | Promise<boolean>,
  what: string,
  describe: () => string = () => '',
  withinMs = 100_000,
): Promise<void> {
  const end = Date.now() + withinMs;
  while (!(await isMet())) {
    if (Date.now() > end) throw new Error(`waited ${withinMs} ms in vain: ${what}\n${describe()}`);
    await delay(50);
  }
}
