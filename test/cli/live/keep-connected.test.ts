import { expect, test } from 'vitest';
import type { ChandlerClient } from '../../../src/client.ts';
import { ChandlerError } from '../../../src/domain/run/failure.ts';
import { keepConnected, LostError } from '../../../src/cli/live/keep-connected.ts';
import { poll } from '../../support/poll.ts';

/** A client of a server that lives, or does not. */
function makeClient(lives: () => boolean): ChandlerClient {
  const client: Partial<ChandlerClient> = {
    within: (_ms, ask) => ask(),
    server: {
      version: () => (lives() ? Promise.resolve('1.0.0') : Promise.reject(new Error('gone'))),
    } as ChandlerClient['server'],
    close: () => Promise.resolve(),
  };
  return client as ChandlerClient;
}

test('an error while the server answers is reported unchanged', async () => {
  const lost: string[] = [];
  const client = makeClient(() => true);
  const connect = () => Promise.reject(new Error('not wanted'));
  const connection = keepConnected({
    client,
    connect,
    onLost: (why) => lost.push(why),
    onFound: () => undefined,
  });
  const slow = new Error('no worker answers');
  const refused = new ChandlerError('invalid-input', 'not parked');
  await expect(connection.ask(() => Promise.reject(slow))).rejects.toBe(slow);
  await expect(connection.ask(() => Promise.reject(refused))).rejects.toBe(refused);
  expect(lost).toEqual([]);
  connection.close();
});

test('a server that is gone or silent is tried until there is a new connection', async () => {
  let lives = false;
  const events: string[] = [];
  const next = makeClient(() => true);
  const connection = keepConnected({
    client: makeClient(() => lives),
    connect: () => (lives ? Promise.resolve(next) : Promise.reject(new Error('refused'))),
    onLost: (why) => events.push(why),
    onFound: () => events.push('found'),
  });
  const silent = connection.ask(() => new Promise(() => {}));
  await expect(silent).rejects.toMatchObject({ name: 'LostError', sent: true });
  await expect(connection.ask(() => Promise.resolve(1))).rejects.toEqual(new LostError({ sent: false }));
  await poll(() => events.includes('refused'), 'a connection is tried');
  lives = true;
  await poll(() => events.includes('found'), 'the server is found');
  expect(await connection.ask((client) => Promise.resolve(client))).toBe(next);
  connection.close();
});
