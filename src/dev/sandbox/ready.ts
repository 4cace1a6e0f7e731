import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** Asks once whether an SSH server greets on the port. */
export function greets(port: number, timeoutMs = 1000): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, timeout: timeoutMs });
    const settle = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('data', (data: Buffer) => settle(data.toString('latin1').startsWith('SSH-2.0')));
    socket.once('error', () => settle(false));
    socket.once('close', () => settle(false));
    socket.once('timeout', () => settle(false));
  });
}

/** Waits until the condition holds; false when it still doesn't at the deadline. */
export async function waitUntil(
  condition: () => boolean | Promise<boolean>,
  options: { readonly withinMs: number; readonly everyMs: number },
): Promise<boolean> {
  for (let waitedMs = 0; ; waitedMs += options.everyMs) {
    if (await condition()) return true;
    if (waitedMs >= options.withinMs) return false;
    await sleep(options.everyMs);
  }
}
