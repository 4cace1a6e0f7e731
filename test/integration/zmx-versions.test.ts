import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { script } from '../../src/library/index.ts';
import { loadShim } from '../../src/zmx/index.ts';
import { poll } from '../support/poll.ts';
import { someOf } from '../support/some-of.ts';
import { startStack, type Stack } from '../support/stack.ts';

/** Every other one has all that differs between them. */
const versions = ['0.5.0', '0.6.0', '0.7.0', '0.8.1', '0.9.0-dev'];
const SHIM = '/opt/zmx/shim';
const CLEAN = `rm -rf /root/fixed /var/lib/chandler /run/chandler ${SHIM}.memory`;

/** Covers fast and slow steps, a lot of output, needs, a finalizer, retries by policy, and parked steps. */
const steps = [
  { name: 'fast', script: 'echo fast', finalize: 'echo finalized' },
  { name: 'prints', script: 'seq 20000; sleep 0.6' },
  {
    name: 'flaky',
    script: 'echo try $CHANDLER_ATTEMPT; test $CHANDLER_ATTEMPT -ge 3',
    retry: { attempts: 3, backoff: '10ms' },
  },
  { name: 'parks', script: 'echo parks; test -e /root/fixed', needs: ['fast'] },
  { name: 'killed', script: 'sleep 60', timeout: '700ms', needs: ['fast'] },
];

describe('a run', () => {
  let stack: Stack;
  beforeAll(async () => {
    stack = await startStack();
    await put(SHIM, loadShim().content);
  });
  afterAll(() => stack?.stop());

  const put = (path: string, content: Uint8Array) =>
    stack.onHost(
      `mkdir -p ${path.replace(/\/[^/]*$/, '')} && echo ${Buffer.from(content).toString('base64')} | base64 -d > ${path}.new && chmod 755 ${path}.new && mv -f ${path}.new ${path}`,
    );

  const install = async (version: string) => {
    const like = await readFile(new URL('../support/zmx-like.sh', import.meta.url), 'utf8');
    await put('/usr/local/bin/zmx', Buffer.from(like.replace('@VERSION@', version).replace('@SHIM@', SHIM)));
    await stack.onHost(CLEAN);
  };

  it.each(someOf(versions, 2))('has the same results with zmx %s', async (version) => {
    await install(version);
    const { client } = stack;
    const id = await stack.start({ steps, zmx: { source: 'release' }, keepSessions: 'all' });
    const waits = async () =>
      (await client.status(id)).steps.filter(({ state }) => state === 'parked').length === 2;
    await poll(waits, 'two steps need attention');
    expect((await client.status(id)).attach).toContain('/usr/local/bin/zmx');
    await stack.onHost('touch /root/fixed');
    await client.retry(id, { step: 'parks' });
    await client.skip(id, { step: 'killed' });
    expect(await client.result(id)).toMatchObject({ outcome: 'provisioned' });

    const status = await client.status(id);
    expect(status.steps.map(({ name, state, attempt, session }) => [name, state, attempt, session])).toEqual([
      ['fast', 'succeeded', 1, 'fast'],
      ['prints', 'succeeded', 1, 'prints'],
      ['flaky', 'succeeded', 3, 'flaky.3'],
      ['parks', 'succeeded', 2, 'parks.2'],
      ['killed', 'skipped', 1, 'killed'],
    ]);
    expect((await client.readLog(id, 'parks')).text).toBe('parks\r\n');
    expect((await client.readLog(id, 'flaky', { attempt: 1 })).text).toBe('try 1\r\n');
    expect((await client.readLog(id, 'prints', { offset: -7 })).text).toBe('20000\r\n');
    expect((await client.readLog(id, 'fast', { finalizer: true })).text).toBe('finalized\r\n');
    // People on the host see the right exit codes, also of very short steps.
    const list = await stack.onHost('ZMX_DIR=/run/chandler/zmx zmx list');
    for (const [name, code] of [
      ['fast', 0],
      ['flaky', 1],
      ['flaky.3', 0],
      ['parks', 1],
      ['parks.2', 0],
    ])
      expect(list).toMatch(new RegExp(`name=${name}\t.*\texit_code=${code}\\b`));
    expect(list).not.toContain('name=killed\t');

    // The same steps on a self-provisioning host.
    const own = steps.filter(({ name }) => name !== 'killed');
    await put('/root/provision.sh', Buffer.from(script(own, { keepSessions: 'all' })));
    await stack.onHost(`${CLEAN}; touch /root/fixed; /root/provision.sh`);
    // An old zmx notices an end with a delay.
    const ends = async () =>
      [
        ...(await stack.onHost('ZMX_DIR=/run/chandler/zmx zmx list')).matchAll(
          /name=(\S+)\t.*\texit_code=(\d+)/g,
        ),
      ].map(([, name, code]) => `${name} ${code}`);
    await expect.poll(ends).toEqual(['fast 0', 'flaky 1', 'flaky.2 1', 'flaky.3 0', 'parks 0', 'prints 0']);
    expect(await stack.onHost('cat /var/lib/chandler/provisioned')).toContain('"name":"flaky"');
  });

  it('parks a step instead of typing into an ended session that cannot be closed', async () => {
    await install('0.7.0');
    await stack.onHost(
      `export ZMX_DIR=/run/chandler/zmx; zmx run stuck -d true; until zmx list | grep -q exit_code; do sleep 0.1; done; touch ${SHIM}.memory$ZMX_DIR/deaf`,
    );
    const id = await stack.start({
      steps: [{ name: 'stuck', script: 'touch /root/typed' }],
      zmx: { source: 'release' },
    });
    const status = await stack.until(id, ({ attention }) => attention, 'the step needs attention');
    expect(status.steps[0]).toMatchObject({
      state: 'parked',
      failure: { code: 'launch-conflict', message: expect.stringContaining('cannot be closed') },
    });
    await stack.onHost(`test ! -e /root/typed; rm ${SHIM}.memory/run/chandler/zmx/deaf`);
    await stack.client.retry(id, { step: 'stuck' });
    expect((await stack.client.result(id)).outcome).toBe('provisioned');
  });
});
