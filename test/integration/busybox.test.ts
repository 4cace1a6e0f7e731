import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sandboxExec } from '../support/sandbox-control.ts';
import { script } from '../../src/library/index.ts';
import { stripToBusybox } from '../support/busybox.ts';
import { poll } from '../support/poll.ts';
import { addSecret, startStack, type Stack, type WorkerProcess } from '../support/stack.ts';

describe('a host with only busybox', () => {
  let stack: Stack;
  let worker: WorkerProcess;
  beforeAll(async () => {
    stack = await startStack({ workers: 0 });
    worker = await stack.startWorker();
    await stripToBusybox(stack.host);
    await addSecret(stack, 'token', 'tok-3f9a0c');
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
    { name: 'flaky', script: '[ $CHANDLER_ATTEMPT = 2 ]', retry: { attempts: 2, backoff: '10ms' } },
  ];

  const alive = async (command: string) =>
    (await stack.onHost('ps -o args')).split('\n').filter((line) => line.trim() === command).length;

  it('has no bash, dash, perl or coreutils', async () => {
    const { stdout } = await sandboxExec(stack.host, [
      'sh',
      '-c',
      'for t in bash script dash perl; do command -v $t; done; readlink /usr/bin/ls; readlink /usr/bin/timeout',
    ]);
    expect(stdout).toBe('/usr/bin/busybox\n/usr/bin/busybox\n');
  });

  it('is provisioned like any other host', async () => {
    const secret = { name: 'secret', script: 'echo "it is $TOKEN"', secrets: { TOKEN: 'file:token' } };
    const id = await stack.start({ steps: [...steps, secret], keepSessions: 'all' });
    expect(await stack.client.result(id)).toMatchObject({
      outcome: 'provisioned',
      result: {
        steps: [
          { state: 'succeeded', attempt: 1 },
          { state: 'succeeded' },
          { state: 'satisfied' },
          { state: 'succeeded', attempt: 2 },
          { state: 'succeeded' },
        ],
      },
    });
    expect((await stack.client.readLog(id, 'plain')).text).toMatch(/^by \/usr\/bin\/busybox\r?\nit's\r?\n$/);
    expect((await stack.client.readLog(id, 'secret')).text).toMatch(/^it is \*{3}\r?\n$/);
    expect(await stack.onHost('cat /root/fin')).toBe('fin\n');
    // People on the host see the sessions with their exit codes.
    const list = await stack.onHost('ZMX_DIR=/run/chandler/zmx zmx list');
    expect(list).toMatch(/name=plain\t.*\texit_code=0\b/);
    expect(list).toMatch(/name=flaky\t.*\texit_code=1\b/);
  });

  it.each([
    ['supervisor', 'kill -9 $(sed -n s/^pid=//p "${0%/*}/started"); echo "two $TOKEN"', false],
    ['worker', 'echo "two $TOKEN"', true],
    ['worker, printed-in-pieces', 'printf "two ${TOKEN%???}"; sleep 1; echo "${TOKEN#???????}"', true],
  ])(
    'D5: masks a secret in the log and on the terminal, even after its %s is killed',
    async (what, then, killsWorker) => {
      const name = `without-${what.replace(', ', '-')}`;
      const script = `echo "one $TOKEN"; until [ -e /root/go-${name} ]; do sleep 0.1; done\n${then}; sleep 600`;
      const id = await stack.start({
        steps: [{ name, script, secrets: { TOKEN: 'file:token' } }],
        sentinel: { whenPresent: 'ignore' },
      });
      const log = async () =>
        (shown = await stack.onHost('cat $(ls -t /var/lib/chandler/launches/*/log | head -n 1)'));
      let shown = '';
      const printed = (text: string) =>
        poll(
          async () => (await log().catch(() => '')).includes(text),
          `the log has "${text}"`,
          () => shown,
          20_000,
        );
      await stack.until(id, ({ steps }) => steps[0]?.state === 'running', 'the step runs');
      await printed('one ***');
      if (killsWorker) await worker.kill('SIGKILL');
      try {
        await stack.onHost(`touch /root/go-${name}`);
        await printed('two ***');
        // The terminal shows it a moment later.
        const terminal = () => stack.onHost(`ZMX_DIR=/run/chandler/zmx zmx history ${name}`);
        await expect.poll(terminal).toMatch(/two \*{3}$/m);
        expect(await terminal()).toMatch(/^one \*{3}$/m);
        expect(
          await stack.onHost('find /var /run /root /tmp -type f -exec grep -l tok-3f9a0c {} + || :'),
        ).toBe('');
      } finally {
        if (killsWorker) worker = await stack.startWorker();
      }
      await stack.client.abort(id, {});
      expect(await stack.client.result(id)).toMatchObject({ outcome: 'aborted' });
    },
  );

  it('lets a failed step park for a retry, and keeps no process of an aborted run', async () => {
    const failing = await stack.start({ steps: [{ name: 'f', script: 'echo why; test -e /root/fixed' }] });
    const parked = await stack.until(failing, ({ attention }) => attention, 'the step parks');
    expect(parked.steps[0]?.failure).toMatchObject({ code: 'step-failed', exitCode: 1 });
    expect(parked.steps[0]?.failure?.logTail).toContain('why');
    await stack.onHost('touch /root/fixed');
    await stack.client.retry(failing, { step: 'f' });
    expect(await stack.client.result(failing)).toMatchObject({ outcome: 'provisioned' });

    const long = await stack.start({
      steps: [{ name: 'long', script: 'setsid sleep 7654 & sleep 7654' }],
    });
    await stack.until(long, ({ steps: [step] }) => step?.state === 'running', 'the step runs');
    await poll(async () => (await alive('sleep 7654')) === 2, 'both processes run');
    await stack.client.abort(long, {});
    expect(await stack.client.result(long)).toMatchObject({ outcome: 'aborted' });
    expect(await alive('sleep 7654')).toBe(0);
  });

  it('does not wait for a process in the background that holds the output of its step', async () => {
    const id = await stack.start({
      steps: [{ name: 'background', script: 'sleep 7655 & echo said' }],
      sentinel: { whenPresent: 'ignore' },
    });
    expect(await stack.client.result(id)).toMatchObject({ outcome: 'provisioned' });
    expect((await stack.client.readLog(id, 'background')).text).toMatch(/^said\r?\n$/);
    await stack.onHost('pkill -f "^sleep 7655$" || :');
  });

  it('gets the files of a step', async () => {
    await addSecret(stack, 'file-key', 'line 1\nline 2\n');
    const id = await stack.start({
      steps: [
        {
          name: 'files',
          files: [
            { path: '/srv/x/bin', content: 'AP8B', encoding: 'base64', mode: '0755', owner: 'root:root' },
            { path: '/srv/x/key', secret: 'file:file-key' },
            { path: '/srv/x/empty', content: '' },
          ],
          script: 'ls -l /srv/x; wc -c /srv/x/*; cat /srv/x/key',
        },
      ],
    });
    expect(await stack.client.result(id)).toMatchObject({ result: { outcome: 'provisioned' } });
    const { text } = await stack.client.readLog(id, 'files');
    expect(text).toMatch(/-rwxr-xr-x +1 root +root +3 .* bin\r?\n/);
    expect(text).toMatch(/-rw------- +1 root +root +14 .* key\r?\n/);
    expect(text).not.toContain('line 1');
    expect(await stack.onHost('cat /srv/x/key; ls -A /srv/x')).toBe('line 1\nline 2\nbin\nempty\nkey\n');
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
