import { setTimeout as delay } from 'node:timers/promises';

/** Asks again and again until the answer is yes. */
export async function poll(
  question: () => boolean | Promise<boolean>,
  what: string,
  describe: () => string = () => '',
  withinMs = 100_000,
): Promise<void> {
  const end = Date.now() + withinMs;
  while (!(await question())) {
    if (Date.now() > end) throw new Error(`waited ${withinMs} ms in vain: ${what}\n${describe()}`);
    await delay(50);
  }
}
