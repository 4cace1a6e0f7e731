import { expect, it } from 'vitest';
import { unlessForced } from '../../src/cli/context.ts';

it('unlessForced waits for the work, and no longer once the user wants an end at once', async () => {
  const force = new AbortController();
  const context = { force: force.signal };
  await expect(unlessForced(context, Promise.resolve('worker'))).resolves.toBe('worker');
  const waiting = unlessForced(context, new Promise(() => undefined));
  force.abort();
  await expect(waiting).rejects.toThrow('aborted');
});
