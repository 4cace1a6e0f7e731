import { connect } from 'node:net';

/** Whether a server on this machine accepts connections within a second, and begins with `greeting` if that is set. */
export function answers(port: number, greeting?: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, timeout: 1000 });
    const settle = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    if (greeting === undefined) socket.once('connect', () => settle(true));
    else socket.once('data', (data: Buffer) => settle(data.toString('latin1').startsWith(greeting)));
    for (const event of ['error', 'close', 'timeout']) socket.once(event, () => settle(false));
  });
}
