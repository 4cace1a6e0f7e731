import { expect, it } from 'vitest';
import { countExecs } from '../../src/inspect/count-execs.ts';
import { startSshd } from '../support/sshd.ts';

it.each<[config: string[], opened: number]>([
  [[], 6],
  [['MaxSessions 2'], 2],
  [['MaxSessions 0'], 0],
])('sshd with %j opens %d of 6 sessions at once', async (config, opened) => {
  const sshd = await startSshd({ config });
  try {
    expect(await countExecs(sshd.target(), 6)).toBe(opened);
  } finally {
    await sshd.stop();
  }
});
