import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sandboxExec } from '../../src/dev/sandbox/index.ts';
import { script } from '../../src/provision/index.ts';
import { stripToBusybox } from '../support/busybox.ts';
import { poll } from '../support/poll.ts';
import { giveSecret, startStack, type Stack } from '../support/stack.ts';

describe('a host with busybox and nothing else', () => {
  let stack: Stack;
  beforeAll(async () => {
    stack = await startStack();
    await stripToBusybox(stack.host);
    await giveSecret(stack, 'token', 'tok-3f9a0c');
  });
  afterAll(() => stack?.stop());

  const steps = [
    {
      name: 'plain',
      script: 'echo "by $(readlink /proc/$$/exe)"; sleep 1; echo "$WORD"',
      env: { WORD: "it's" },
      finalize: 'echo fin >/root/fin',
    },
    { name: 'needs', script: 'test ! -e /root/fin && echo later', needs: ['plain'] },
    { name: 'checked', script: 'exit 9', check: 'true' },
    { name: 'flaky', script: '[ $CHANDLER_GENERATION = 2 ]', retry: { attempts: 2, backoff: '10ms' } },
  ];

  const alive = async (command: string) =>
    (await stack.onHost('ps -o args')).split('\n').filter((line) => line.trim() === command).length;

  it('has none of it', async () => {
    const { stdout } = await sandboxExec(stack.host, [
      'sh',
      '-c',
      'for t in bash script dash perl; do command -v $t; done; readlink /usr/bin/ls; readlink /usr/bin/timeout',
    ]);
    expect(stdout).toBe('/usr/bin/busybox\n/usr/bin/busybox\n');
  });

  it('is provisioned, step by step, as any other', async () => {
    const secret = { name: 'secret', script: 'echo "it is $TOKEN"', secrets: { TOKEN: 'file:token' } };
    const id = await stack.start({ steps: [...steps, secret], keepSessions: 'all' });
    expect(await stack.client.result(id)).toMatchObject({
      outcome: 'provisioned',
      result: {
        steps: [
          { state: 'succeeded', generation: 1 },
          { state: 'succeeded' },
          { state: 'satisfied' },
          { state: 'succeeded', generation: 2 },
          { state: 'succeeded' },
        ],
      },
    });
    expect((await stack.client.readLog(id, 'plain')).text).toMatch(/^by \/usr\/bin\/busybox\r?\nit's\r?\n$/);
    expect((await stack.client.readLog(id, 'secret')).text).toMatch(/^it is \*+\r?\n$/);
    expect(await stack.onHost('cat /root/fin')).toBe('fin\n');
    // What a person sees there: the sessions with their ends.
    const list = await stack.onHost('ZMX_DIR=/run/chandler/zmx zmx list');
    expect(list).toMatch(/name=plain\t.*\texit_code=0\b/);
    expect(list).toMatch(/name=flaky\t.*\texit_code=1\b/);
  });

  it('parks a failed step, which is retried, and kills what is aborted', async () => {
    const failing = await stack.start({ steps: [{ name: 'f', script: 'echo why; test -e /root/mended' }] });
    const parked = await stack.until(failing, ({ attention }) => attention, 'the step parks');
    expect(parked.steps[0]?.failure).toMatchObject({ code: 'step-failed', exitCode: 1 });
    expect(parked.steps[0]?.failure?.logTail).toContain('why');
    await stack.onHost('touch /root/mended');
    await stack.client.retry(failing, { step: 'f' });
    expect(await stack.client.result(failing)).toMatchObject({ outcome: 'provisioned' });

    const long = await stack.start({
      steps: [{ name: 'long', script: 'setsid sleep 7654 & sleep 7654' }],
    });
    await stack.until(long, ({ steps: [step] }) => step?.state === 'running', 'the step runs');
    await poll(async () => (await alive('sleep 7654')) === 2, 'both processes are there');
    await stack.client.abort(long, {});
    expect(await stack.client.result(long)).toMatchObject({ outcome: 'aborted' });
    expect(await alive('sleep 7654')).toBe(0);
  });

  it('provisions itself', async () => {
    await stack.onHost('rm -f /root/fin');
    const text = script([{ ...steps[0]!, name: 'own' }, steps[2]!, steps[3]!], {
      zmx: { source: 'tmux' },
      sentinel: { path: '/root/done' },
    });
    const { code, stdout } = await sandboxExec(stack.host, ['sh', '-s'], { stdin: text });
    expect([code, stdout]).toEqual([0, expect.stringContaining('provisioned: /root/done')]);
    expect(await stack.onHost('cat /root/fin')).toBe('fin\n');
  });
});
