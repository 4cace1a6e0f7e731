import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startStack, type Stack } from '../support/stack.ts';

describe('a user who is not root', () => {
  let stack: Stack;
  beforeAll(async () => {
    stack = await startStack();
  });
  afterAll(() => stack?.stop());

  const env = { PATH: process.env['PATH'] };
  /** Runs a program without a terminal and with empty input. */
  const run = (
    program: string,
    args: readonly string[],
    options: { env: Record<string, string | undefined> },
  ) => {
    const running = promisify(execFile)(program, args, options);
    running.child.stdin?.end();
    return running;
  };
  const chandler = (...args: string[]) =>
    run(process.execPath, [fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url)), ...args], {
      env: {
        ...env,
        HOME: stack.secretsDir,
        TEMPORAL_ADDRESS: stack.address,
        CHANDLER_TASK_QUEUE: stack.taskQueue,
        CHANDLER_IDENTITIES: stack.secretsDir,
      },
    });
  const sudoers = (line: string) =>
    stack.onHost(
      `mkdir -p /etc/sudoers.d && printf '%b\\n' '${line}' >/etc/sudoers.d/app && chmod 440 /etc/sudoers.d/app`,
    );
  const app = () => stack.target({ user: 'app' });

  it('provisions with a private state directory', async () => {
    const id = await stack.start({
      target: app(),
      steps: [{ name: 'a', script: 'id -un; echo "$HOME"', finalize: 'id -un >~/fin' }],
      keepSessions: 'all',
    });
    expect(await stack.client.result(id)).toMatchObject({ outcome: 'provisioned' });
    expect((await stack.client.readLog(id, 'a')).text).toBe('app\r\n/home/app\r\n');
    const status = await stack.client.status(id);
    expect(status.sentinel).toBe('/home/app/.local/state/chandler/provisioned');
    expect(status.attach).toMatch(
      /&& env ZMX_DIR=\/home\/app\/\.local\/state\/chandler\/zmx-sockets \/home\/app\/\S+ attach NAME$/,
    );
    expect(await stack.onHost('stat -c %U /home/app/fin /home/app/.local/state/chandler/provisioned')).toBe(
      'app\napp\n',
    );
    expect(await stack.onHost('stat -c %a /home/app/.local/state/chandler')).toBe('700\n');
  });

  it('gets an error without sudo rights, and nothing runs', async () => {
    await sudoers('app ALL=(ALL) ALL');
    const id = await stack.start({
      target: { ...app(), become: 'sudo' },
      steps: [{ name: 'a', script: 'true' }],
    });
    expect(await stack.client.result(id)).toMatchObject({
      outcome: 'failed',
      failure: {
        code: 'become-failed',
        message: expect.stringMatching(/sudo: a (password|terminal) is required/) as string,
        advice: expect.stringContaining('NOPASSWD') as string,
      },
    });
    expect(await stack.onHost('ls /var/lib/chandler 2>/dev/null || :')).toBe('');
  });

  it.each([
    ['requires a terminal', 'Defaults requiretty\\napp ALL=(ALL) NOPASSWD: ALL'],
    ['allows no shell', 'app ALL=(ALL) NOPASSWD: ALL, !/usr/bin/sh, !/bin/sh'],
    ['finds no program', 'Defaults secure_path=/nowhere\\napp ALL=(ALL) NOPASSWD: ALL'],
  ])('gets an error if sudo %s', async (_, rules) => {
    await sudoers(rules);
    const id = await stack.start({
      target: { ...app(), become: 'sudo' },
      steps: [{ name: 'a', script: 'true' }],
    });
    expect(await stack.client.result(id)).toMatchObject({
      outcome: 'failed',
      failure: { code: 'become-failed' },
    });
  });

  it('runs everything as root with become: sudo', async () => {
    await sudoers('app ALL=(ALL) NOPASSWD: ALL');
    const id = await stack.start({
      target: { ...app(), become: 'sudo' },
      steps: [{ name: 'a', script: 'id -un; echo "$HOME"; exit $(test -e /root/fixed; echo $?)' }],
    });
    const parked = await stack.until(id, ({ attention }) => attention, 'the step parks');
    expect(parked.steps[0]?.failure?.advice).toContain('app@127.0.0.1');
    expect(parked.attach).toMatch(/ && sudo env ZMX_DIR=\/run\/chandler\/zmx \S+ attach NAME$/);
    // The command works for that user, as far as it can be tested without a terminal.
    const list = parked.attach!.replace(/ \|.*/, '');
    expect(await stack.onHost(`su app -c '${list}'`)).toBe('a\n');
    // So do `chandler attach` and `chandler ssh`. Without a terminal zmx attaches and detaches at once.
    const printed = await chandler('attach', id, 'a', '--print');
    expect(printed.stdout).toMatch(/ -l app -t -- 127\.0\.0\.1 'sudo -n -H -- sh -c /);
    await run('sh', ['-c', printed.stdout], { env });
    expect(await chandler('ssh', id, '--', 'id -un; echo "$HOME"')).toMatchObject({
      stdout: 'root\n/root\n',
    });
    await stack.onHost('touch /root/fixed');
    await stack.client.retry(id, { step: 'a' });
    expect(await stack.client.result(id)).toMatchObject({ outcome: 'provisioned' });
    expect((await stack.client.readLog(id, 'a')).text).toBe('root\r\n/root\r\n');
    expect(await stack.onHost('stat -c %U /var/lib/chandler/provisioned')).toBe('root\n');
  });

  it('gets an error if the host has no sudo', async () => {
    await stack.onHost('rm -f /usr/bin/sudo');
    const id = await stack.start({
      target: { ...app(), become: 'sudo' },
      steps: [{ name: 'a', script: 'true' }],
    });
    expect(await stack.client.result(id)).toMatchObject({
      outcome: 'failed',
      failure: { code: 'become-failed' },
    });
  });
});
