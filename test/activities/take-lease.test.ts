import { describe, expect, it } from 'vitest';
import {
  continueSkipped,
  takeLease,
  type LeaseRequest,
  type TakenLease,
} from '../../src/activities/take-lease.ts';
import { decodeHolder, encodeHolder, leaseWord } from '../../src/activities/lease-holder.ts';
import type { LeaseHolder } from '../../src/activities/lease-holder.ts';
import { adviceIn } from '../../src/domain/run/advice.ts';
import type { ChandlerError } from '../../src/domain/run/failure.ts';
import { makeLaunch } from '../../src/domain/run/ids.ts';
import type { Leftover } from '../../src/domain/run/leftovers.ts';
import type { Host } from '../../src/host/host.ts';
import type { LeaseAnswer } from '../../src/host/host-answers.ts';
import type { ScriptState } from '../../src/host/script-state.ts';

const me = {
  namespace: 'default',
  workflowId: 'provision:web1:22',
  firstRunId: 'run-1',
  digest: 'same',
} satisfies LeaseHolder;
const other: LeaseHolder = { ...me, workflowId: 'provision:web2:22', firstRunId: 'run-9', digest: 'another' };
/** What the host stores for a run that continues no other. */
const mine = encodeHolder({ ...me, owner: 'run-1' });

interface Found {
  /** Another holder takes the lease between the first and the second call. */
  readonly race?: string;
  readonly leftovers?: readonly Leftover[];
  readonly script?: ScriptState;
  readonly sentinel?: string;
  /** The number of processes of each launch that do not die. */
  readonly immortal?: number;
}

/** A host that keeps one lease, as host.sh does. */
function fakeHost(held: string | undefined, { race, script, sentinel, immortal = 0 }: Found) {
  const host = {
    stateDir: '/var/lib/chandler',
    holder: held,
    killed: [] as string[],
    async lease(mine: string, replaces = ''): Promise<LeaseAnswer> {
      if (replaces !== '' && race !== undefined) host.holder = race;
      const had = host.holder;
      if (had === undefined || had === mine || had === replaces) {
        host.holder = mine;
        return { ours: true, again: had === mine };
      }
      return { ours: false, holder: had };
    },
    readScript: async () => script,
    readSentinel: async () => sentinel,
    async kill(id: string) {
      host.killed.push(id);
      return { found: 1, left: immortal };
    },
  };
  return host;
}

function take(
  held: string | undefined,
  isOpen: boolean,
  found: Found = {},
  changes: Partial<LeaseRequest> = {},
) {
  const host = fakeHost(held, found);
  const asked: LeaseHolder[] = [];
  let lists = 0;
  const request: LeaseRequest = {
    holder: me,
    target: { host: 'web1' },
    sentinelPath: '/p',
    onLeftovers: 'refuse',
    isReset: false,
    isOpen: async (holder) => {
      asked.push(holder);
      return isOpen;
    },
    listLeftovers: async () => {
      lists += 1;
      return found.leftovers ?? [];
    },
    ...changes,
  };
  const taken = host
    .lease(leaseWord(request.holder))
    .then((first) => takeLease(host as unknown as Host, request, first));
  return { host, taken, asked, lists: () => lists };
}

const leftover = (owner: string, step: string, changes: Partial<Leftover> = {}): Leftover => ({
  launch: makeLaunch(owner, step, 'step', 1),
  state: 'running',
  sinceMs: 1_700_000_000_000,
  processes: 2,
  ...changes,
});

describe('the lease of a host', () => {
  it.each([
    ['no run holds', undefined],
    ['an earlier run of this workflow held', encodeHolder({ ...me, firstRunId: 'run-0', digest: 'another' })],
    ['something unreadable holds', 'not-base64-json'],
    ['something else that is JSON holds', Buffer.from('null').toString('base64url')],
  ])('that %s belongs to this run, and the server is not asked', async (_, held) => {
    const { host, taken, asked } = take(held, true);
    expect(await taken).toEqual({ word: mine, ended: [] });
    expect(host.holder).toBe(mine);
    expect(asked).toEqual([]);
  });

  it('that no run holds is taken without listing leftovers', async () => {
    const { taken, lists } = take(undefined, true);
    await taken;
    expect(lists()).toBe(0);
  });

  it('that an open workflow holds is refused, with its name and the advice', async () => {
    const { host, taken, asked } = take(encodeHolder(other), true);
    await expect(taken).rejects.toMatchObject({
      code: 'lease-held',
      message: 'workflow provision:web2:22 (run run-9, namespace default) holds /var/lib/chandler',
      facts: {
        advice: expect.stringMatching(
          /chandler abort provision:web2:22`.*chandler clean root@web1:22 --end --run=provision:web2:22`\.$/,
        ) as string,
      },
    });
    expect(asked).toEqual([other]);
    expect(host.holder).toBe(encodeHolder(other));
  });

  it('of a closed workflow is taken over', async () => {
    const { host, taken } = take(encodeHolder(other), false);
    await taken;
    expect(host.holder).toBe(mine);
  });

  it('is refused if a workflow with the same id on another server holds it, because that server cannot be asked', async () => {
    const elsewhere = { ...me, namespaceId: 'another', firstRunId: 'run-0' };
    const { host, taken } = take(encodeHolder(elsewhere), true);
    await expect(taken).rejects.toThrow(/^workflow provision:web1:22 \(run run-0/);
    expect(decodeHolder(host.holder ?? '')).toEqual(elsewhere);
  });

  it('that a third run took meanwhile is refused', async () => {
    const third = { ...other, workflowId: 'third' };
    const { taken } = take(encodeHolder(other), false, { race: encodeHolder(third) });
    await expect(taken).rejects.toThrow(/^workflow third /);
  });

  it('is one word from which the holder can be read', () => {
    const strange = { namespace: 'a b', workflowId: "x'y\n", firstRunId: 'ž' };
    expect(encodeHolder(strange)).toMatch(/^[A-Za-z0-9_-]+$/);
    expect(decodeHolder(encodeHolder(strange))).toEqual(strange);
  });
});

describe('what the previous holder left running', () => {
  const left = leftover('run-9', 'a');

  it('is refused by default, with its run, its start and the command that ends it; the lease stays', async () => {
    const { host, taken } = take(encodeHolder(other), false, { leftovers: [left] });
    await expect(taken).rejects.toMatchObject({
      code: 'leftovers-found',
      retryable: false,
      message:
        'an earlier run left running on the host: a of provision:web2:22 (running since 2023-11-14T22:13:20Z, 2 processes)',
      facts: {
        advice: expect.stringMatching(/chandler clean root@web1:22 --end .*onLeftovers: end/) as string,
      },
    });
    expect(host.killed).toEqual([]);
    expect(host.holder).toBe(encodeHolder(other));
  });

  it('is refused with advice that names once how to continue', async () => {
    for (const { taken } of [
      take(encodeHolder(other), false, { leftovers: [left] }),
      take(encodeHolder(other), true),
    ]) {
      const { code, advice } = await taken.then(
        () => expect.unreachable(),
        (error: ChandlerError) => error,
      );
      expect(adviceIn('over', { code, advice })).toMatch(
        /^(?!.*start.*start).*\. Then start the run again\.$/,
      );
    }
  });

  it('is refused from an earlier run of the same workflow, too', async () => {
    const before = { ...me, firstRunId: 'run-0', digest: 'another' };
    const { taken } = take(encodeHolder(before), false, { leftovers: [leftover('run-0', 'a')] });
    await expect(taken).rejects.toThrow(/a of provision:web1:22/);
  });

  it('is ended if the plan says so, and reported', async () => {
    const { host, taken } = take(encodeHolder(other), false, { leftovers: [left] }, { onLeftovers: 'end' });
    expect((await taken).ended).toMatchObject([{ launch: left.launch, left: 0 }]);
    expect(host.killed).toEqual([left.launch.id]);
    expect(host.holder).toBe(mine);
  });

  it('that survives its kill keeps the lease with its holder', async () => {
    const found = { leftovers: [left], immortal: 1 };
    const { host, taken } = take(encodeHolder(other), false, found, { onLeftovers: 'end' });
    await expect(taken).rejects.toThrow(/^cannot end what an earlier run left: a of provision:web2:22/);
    expect(host.holder).toBe(encodeHolder(other));
  });

  it('is not ended by the second of two runs: the first may continue it', async () => {
    const first = encodeHolder({ ...other, firstRunId: 'run-10', owner: 'run-9' });
    const { host, taken } = take(
      encodeHolder(other),
      false,
      { leftovers: [left], race: first },
      { onLeftovers: 'end' },
    );
    await expect(taken).rejects.toMatchObject({ code: 'lease-held' });
    expect(host.killed).toEqual([]);
    expect(host.holder).toBe(first);
  });

  it.each([
    ['the same run', me],
    ['the next one', { ...me, firstRunId: 'run-0' }],
  ])('is still ended if the worker dies meanwhile: %s does it', async (_, holder) => {
    const claim = encodeHolder({ ...holder, replaces: encodeHolder(other) });
    const { host, taken } = take(claim, false, { leftovers: [left] }, { onLeftovers: 'end' });
    expect((await taken).ended).toMatchObject([{ launch: left.launch, workflowId: other.workflowId }]);
    expect(host.killed).toEqual([left.launch.id]);
    expect(host.holder).toBe(mine);
  });

  it('is still adopted by a run of the same work whose worker died while it ended other launches', async () => {
    const former = encodeHolder({ ...other, digest: 'same' });
    const claim = encodeHolder({ ...me, replaces: former });
    const both = { leftovers: [left, leftover('run-5', 'b')] };
    const { host, taken } = take(claim, false, both, { onLeftovers: 'end' });
    expect(await taken).toMatchObject({ adopted: { owner: 'run-9', alive: [{ launch: left.launch }] } });
    expect(host.killed).toEqual([both.leftovers[1]?.launch.id]);
    expect(decodeHolder(host.holder ?? '')).toEqual({ ...me, owner: 'run-9' });
  });

  it('is cancelled if it has not begun, whatever the plan says', async () => {
    const created = leftover('run-9', 'a', { state: 'created', processes: 0 });
    const { host, taken } = take(encodeHolder(other), false, { leftovers: [created] });
    await taken;
    expect(host.killed).toEqual([created.launch.id]);
  });

  it('is adopted if it is the same work; other launches are still refused', async () => {
    const former = encodeHolder({ ...other, digest: 'same' });
    const { host, taken } = take(former, false, { leftovers: [left] });
    expect(await taken).toMatchObject({ adopted: { owner: 'run-9', alive: [{ launch: left.launch }] } });
    expect(decodeHolder(host.holder ?? '')).toEqual({ ...me, owner: 'run-9' });
    const both = take(former, false, { leftovers: [left, leftover('run-5', 'b')] });
    await expect(both.taken).rejects.toThrow(/^an earlier run left running on the host: b \(running/);
  });

  it('keeps its first owner over several runs that were cut off', async () => {
    const former = encodeHolder({ ...other, digest: 'same', owner: 'run-5' });
    const { taken } = take(former, false, { leftovers: [leftover('run-5', 'a')] });
    expect(await taken).toMatchObject({ adopted: { owner: 'run-5' } });
  });

  it('is not adopted from a run that had provisioned the host: the next one starts from the beginning', async () => {
    const former = encodeHolder({ ...other, digest: 'same' });
    const { taken } = take(former, false, { sentinel: JSON.stringify({ runId: 'run-9' }) });
    expect(await taken).toEqual({ word: mine, ended: [] });
  });

  it('belongs to a run that already has the lease: after a reset, or in a repeated request', async () => {
    const again = take(mine, false, { leftovers: [leftover('run-1', 'a'), leftover('run-9', 'b')] });
    expect(await again.taken).toMatchObject({
      adopted: { owner: 'run-1', alive: [{ launch: { step: 'a' } }] },
    });
    const adopted = encodeHolder({ ...me, owner: 'run-9' });
    expect(await take(adopted, true, { leftovers: [left] }).taken).toMatchObject({
      word: adopted,
      adopted: { owner: 'run-9', alive: [{ launch: left.launch }] },
    });
  });
});

describe('the launches of a run that skipped something', () => {
  const skipping = (digest: string) =>
    JSON.stringify({ digest: `${digest}+skipped`, owner: 'run-5', steps: [] });
  const continued = encodeHolder({ ...me, owner: 'run-5' });
  const go = async (sentinel: string | undefined, adopted?: TakenLease['adopted'], race?: string) => {
    const host = fakeHost(mine, race === undefined ? {} : { race });
    const held = { word: mine, ended: [], ...(adopted && { adopted }) };
    const request = { holder: me, target: { host: 'web1' } };
    return { host, held, taken: await continueSkipped(host as unknown as Host, request, held, sentinel) };
  };

  it('are continued by a run of the same work, and the lease names their owner', async () => {
    const { host, taken } = await go(skipping('same'));
    expect(taken).toEqual({ word: continued, ended: [], adopted: { owner: 'run-5', alive: [] } });
    expect(host.holder).toBe(continued);
    // The connection broke after the host had stored the first lease: nothing of the run's own has begun.
    expect((await go(skipping('same'), { owner: 'run-1', alive: [] })).taken.adopted?.owner).toBe('run-5');
  });

  it.each<[what: string, sentinel: string | undefined, adopted?: TakenLease['adopted']]>([
    ['there is no sentinel', undefined],
    ['the work is another', skipping('another')],
    ['nothing was skipped', JSON.stringify({ digest: 'same', owner: 'run-5' })],
    ['launches of another run are continued already', skipping('same'), { owner: 'run-9', alive: [] }],
    [
      'launches of the run itself are alive: it was reset',
      skipping('same'),
      { owner: 'run-1', alive: [{ ...leftover('run-1', 'a'), atWork: true }] },
    ],
  ])('are not continued if %s', async (_, sentinel, adopted) => {
    const { host, held, taken } = await go(sentinel, adopted);
    expect(taken).toEqual(held);
    expect(host.holder).toBe(mine);
  });

  it('are left to another run that has taken the lease meanwhile', async () => {
    const race = encodeHolder({ ...other, workflowId: 'third' });
    await expect(go(skipping('same'), undefined, race)).rejects.toThrow(/^workflow third /);
  });
});
