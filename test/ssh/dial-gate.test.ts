import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { DialGate } from '../../src/ssh/dial-gate.ts';
import { sharedLookup } from '../../src/ssh/shared-lookup.ts';

/** Begins dials that end when `ends` is called. */
function begin(gate: DialGate, count: number) {
  const begun: number[] = [];
  const ends: ((error?: Error) => void)[] = [];
  const dials = Array.from({ length: count }, (_, i) =>
    gate.pass(async () => {
      begun.push(i);
      await new Promise<void>((resolve, reject) => {
        ends[i] = (error) => (error ? reject(error) : resolve());
      });
      return i;
    }),
  );
  return { begun, ends, dials };
}
/** Lets everything that is ready proceed. */
const settle = () => delay(5);

describe('a gate of dials', () => {
  it('lets as many proceed as its limit, in their order', async () => {
    const { begun, ends, dials } = begin(new DialGate(2), 5);
    await settle();
    expect(begun).toEqual([0, 1]);
    ends[1]?.();
    await settle();
    expect(begun).toEqual([0, 1, 2]);
    for (const next of [0, 2, 3, 4]) {
      ends[next]?.();
      await settle();
    }
    expect(begun).toEqual([0, 1, 2, 3, 4]);
    expect(await Promise.all(dials)).toEqual([0, 1, 2, 3, 4]);
  });

  it('gives the place of a failed dial to the next', async () => {
    const { begun, ends, dials } = begin(new DialGate(1), 2);
    await settle();
    ends[0]?.(new Error('refused'));
    await expect(dials[0]).rejects.toThrow('refused');
    await settle();
    expect(begun).toEqual([0, 1]);
    ends[1]?.();
    expect(await dials[1]).toBe(1);
  });

  it('never lets more proceed than its limit when one ends while others arrive', async () => {
    const gate = new DialGate(3);
    let now = 0;
    let most = 0;
    const dial = () =>
      gate.pass(async () => {
        most = Math.max(most, (now += 1));
        await delay(Math.random() * 3);
        now -= 1;
      });
    const dials: Promise<void>[] = [];
    for (let i = 0; i < 60; i += 1) {
      dials.push(dial());
      if (i % 7 === 0) await delay(1);
    }
    await Promise.all(dials);
    expect(most).toBe(3);
  });

  it('spreads dials only if there are others', async () => {
    const alone = begin(new DialGate(100, { spreads: true }), 1);
    expect(alone.begun).toEqual([0]);
    alone.ends[0]?.();
    await alone.dials[0];
    const { begun, ends, dials } = begin(new DialGate(100, { spreads: true }), 60);
    await settle();
    expect(begun.length).toBeLessThan(60);
    for (let i = 0; begun.length < 60 && i < 1000; i += 1) await settle();
    for (const end of ends) end();
    await Promise.all(dials);
  });
});

describe('a shared lookup', () => {
  const find = (name: string) =>
    new Promise<unknown>((resolve) => {
      sharedLookup(name, { all: true }, (error, addresses) => resolve(error ?? addresses));
    });

  it('asks once for a name that many ask for', async () => {
    const [first, second, other] = await Promise.all([
      find('localhost'),
      find('localhost'),
      find('ip6-localhost'),
    ]);
    expect(first).toMatchObject([{ address: expect.any(String) as string }]);
    expect(second).toBe(first);
    expect(other).not.toBe(first);
    expect(await find('localhost')).not.toBe(first);
  });

  it('reports a missing name to every caller', async () => {
    const [first, second] = await Promise.all([find('no.such.name.invalid'), find('no.such.name.invalid')]);
    expect(first).toBeInstanceOf(Error);
    expect(second).toBe(first);
  });
});
