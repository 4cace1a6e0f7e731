import { describe, expect, it } from 'vitest';
import { decodeHolder, encodeHolder, takeLease } from '../../src/activities/lease.ts';
import type { LeaseHolder } from '../../src/activities/types.ts';
import type { Host } from '../../src/host/host.ts';

const me: LeaseHolder = { namespace: 'default', workflowId: 'provision:web1:22', firstRunId: 'run-1' };
const other: LeaseHolder = { ...me, workflowId: 'provision:web2:22', firstRunId: 'run-9' };

/** A host that keeps one lease, as host.sh does. `race` takes it between the first and the second question. */
function fakeHost(held: string | undefined, race?: string) {
  const host = {
    stateDir: '/var/lib/chandler',
    holder: held,
    async lease(mine: string, replaces = '') {
      if (replaces !== '' && race !== undefined) host.holder = race;
      if (host.holder === undefined || host.holder === mine || host.holder === replaces) {
        host.holder = mine;
        return { ours: true };
      }
      return { ours: false, holder: host.holder };
    },
  };
  return host;
}
const take = (host: ReturnType<typeof fakeHost>, isOpen: boolean) => {
  const asked: LeaseHolder[] = [];
  const taken = takeLease(host as unknown as Host, me, async (holder) => {
    asked.push(holder);
    return isOpen;
  });
  return { taken, asked };
};

describe('the lease of a host', () => {
  it.each([
    ['nobody holds', undefined],
    ['we hold already', encodeHolder(me)],
    ['an earlier run of this workflow held', encodeHolder({ ...me, firstRunId: 'run-0' })],
    ['something unreadable holds', 'not-base64-json'],
    ['something else that is JSON holds', Buffer.from('null').toString('base64url')],
  ])('that %s is ours, and nobody is asked', async (_, held) => {
    const host = fakeHost(held);
    const { taken, asked } = take(host, true);
    await taken;
    expect(host.holder).toBe(encodeHolder(me));
    expect(asked).toEqual([]);
  });

  it('that a workflow at work holds is refused, and the refusal names it and says what to do', async () => {
    const host = fakeHost(encodeHolder(other));
    const { taken, asked } = take(host, true);
    await expect(taken).rejects.toMatchObject({
      code: 'lease-held',
      message: 'workflow provision:web2:22 (run run-9, namespace default) holds /var/lib/chandler',
      facts: { advice: expect.stringContaining('chandler abort provision:web2:22') as string },
    });
    expect(asked).toEqual([other]);
    expect(host.holder).toBe(encodeHolder(other));
  });

  it('that a workflow which is over held is taken over', async () => {
    const host = fakeHost(encodeHolder(other));
    await take(host, false).taken;
    expect(host.holder).toBe(encodeHolder(me));
  });

  it('that a workflow of the same name on another server holds is refused, since nobody here can ask it', async () => {
    const elsewhere = { ...me, namespaceId: 'another', firstRunId: 'run-0' };
    const host = fakeHost(encodeHolder(elsewhere));
    await expect(take(host, true).taken).rejects.toThrow(/^workflow provision:web1:22 \(run run-0/);
    expect(decodeHolder(host.holder ?? '')).toEqual(elsewhere);
  });

  it('that a third took meanwhile is refused', async () => {
    const third = { ...other, workflowId: 'third' };
    const host = fakeHost(encodeHolder(other), encodeHolder(third));
    await expect(take(host, false).taken).rejects.toThrow(/^workflow third /);
  });

  it('is asked for with one word, which tells the holder again', () => {
    const strange = { namespace: 'a b', workflowId: "x'y\n", firstRunId: 'ž' };
    expect(encodeHolder(strange)).toMatch(/^[A-Za-z0-9_-]+$/);
    expect(decodeHolder(encodeHolder(strange))).toEqual(strange);
  });
});
