import { Client, type Connection } from '@temporalio/client';
import { expect, test } from 'vitest';
import { createClient } from '../../src/client.ts';
import type { Plan, WatchInput } from '../../src/domain/plan/schema.ts';

test('an incomplete input is refused before any request is sent', async () => {
  // Nothing listens behind it.
  const connection = { plugins: [] } as unknown as Connection;
  const client = createClient(new Client({ connection }), 'q', async () => undefined);
  const problems = [{ path: 'target', message: 'is missing' }];
  const refused = { code: 'invalid-input', facts: { problems } };
  const steps = [{ name: 'a', script: 'true' }];
  await expect(client.start({ steps } as unknown as Plan)).rejects.toMatchObject(refused);
  await expect(client.watch({} as WatchInput)).rejects.toMatchObject(refused);
});
