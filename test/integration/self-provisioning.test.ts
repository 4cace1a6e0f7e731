import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { sandboxExec, sandboxReboot } from '../../src/dev/sandbox/index.ts';
import type { Step } from '../../src/domain/schema.ts';
import { loadPrograms } from '../../src/host/programs.ts';
import { script, scriptPath, type ScriptOptions } from '../../src/provision/index.ts';
import { poll } from '../support/poll.ts';
import { startStack, type Stack } from '../support/stack.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const PATH = scriptPath;
const zmx = { source: 'tmux' } as const;
/** Tells, one line a launch, what really ran. */
const ran = (name: string, more = '') => `echo ${name} >>/root/ran; ${more}`;

describe('a host that provisions itself', () => {
  let stack: Stack;
  beforeAll(async () => {
    stack = await startStack();
  });
  afterAll(() => stack?.stop());
  beforeEach(() =>
    stack.onHost(
      `${PATH} stop >/dev/null 2>&1; rm -rf /root/ran /root/mended /root/ready /root/go ${PATH} /var/lib/chandler/script /var/lib/chandler/launches /var/lib/chandler/lease /var/lib/chandler/provisioned /var/log/chandler-provision.log`,
    ),
  );

  const put = async (steps: Step[], options: ScriptOptions = {}) => {
    const { code, stderr } = await sandboxExec(
      stack.host,
      ['sh', '-c', `cat >${PATH}.new && chmod 755 ${PATH}.new && mv -f ${PATH}.new ${PATH}`],
      { stdin: script(steps, { zmx, ...options }) },
    );
    expect([code, stderr]).toEqual([0, '']);
  };
  const run = (shell = 'sh', argument = 'run') => sandboxExec(stack.host, [shell, PATH, argument]);
  const runBehind = () => stack.onHost(`nohup setsid ${PATH} </dev/null >/dev/null 2>&1 &`);
  const counts = async () => {
    const text = await stack.onHost('sort /root/ran 2>/dev/null | uniq -c');
    return Object.fromEntries(
      text
        .trim()
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => line.trim().split(' '))
        .map(([count, name]) => [name, Number(count)]),
    ) as Record<string, number>;
  };
  /** `chandler watch-host`, as a person types it; fails unless it exits with 0. */
  const watchHost = (id: string) => {
    const { host, port, identity, hostKey } = stack.target();
    const settings = [`identity=${identity}`, `hostKey=${hostKey}`].flatMap((word) => ['--target', word]);
    const engine = ['--address', stack.address, '--task-queue', stack.taskQueue];
    const words = ['watch-host', `root@${host}:${port}`, '--id', id, ...settings, ...engine];
    return promisify(execFile)(process.execPath, ['dist/cli/main.js', ...words], { cwd: root });
  };
  const appears = (path: string) =>
    poll(async () => (await stack.onHost(`[ -e ${path} ] && echo yes || :`)) !== '', `${path} appears`);
  const readLog = () => stack.onHost('cat /var/log/chandler-provision.log');

  it.each(['dash', 'bash', 'busybox'])(
    'does all of it, and nothing a second time, under %s',
    async (shell) => {
      const [program, ...words] = shell === 'busybox' ? ['busybox', 'ash'] : [shell];
      const go = () => sandboxExec(stack.host, [program, ...words, PATH]);
      await put([
        {
          name: 'px-a',
          script: ran('a', 'sleep 1; echo "a: $WORD"'),
          finalize: ran('fin-a'),
          env: { WORD: `it's "$x" \`y\`` },
        },
        { name: 'px-b', script: ran('b', 'sleep 1'), finalize: ran('fin-b') },
        { name: 'px-c', script: ran('c'), needs: ['px-a'] },
        { name: 'px-d', script: ran('d'), check: 'true' },
        {
          name: 'px-e',
          script: '#!/bin/sh\necho e >>/root/ran\n[ $CHANDLER_GENERATION = 2 ]',
          retry: { attempts: 2, backoff: 1 },
        },
      ]);
      const first = await go();
      expect([first.code, first.stdout]).toEqual([
        0,
        expect.stringMatching(/provisioned: \/var\/lib\/chandler\/provisioned\n$/),
      ]);
      const whatRan = { a: 1, b: 1, c: 1, e: 2, 'fin-a': 1, 'fin-b': 1 };
      expect(await counts()).toEqual(whatRan);
      const order = (await stack.onHost('cat /root/ran')).trim().split('\n');
      expect(order.slice(-2)).toEqual(['fin-a', 'fin-b']);
      // Both long steps had begun before either was over.
      expect(first.stdout.indexOf('px-b: begins')).toBeLessThan(first.stdout.indexOf('px-a: done'));
      expect(first.stdout).toMatch(/^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ .*\n|    \| .*\n)+$/);
      const sentinel = JSON.parse(await stack.onHost('cat /var/lib/chandler/provisioned')) as object;
      expect(sentinel).toMatchObject({
        digest: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
        steps: [{ name: 'px-a', state: 'succeeded' }, {}, {}, { name: 'px-d', state: 'satisfied' }, {}],
      });
      const { supervise, host } = loadPrograms();
      for (const { name, text } of [supervise, host])
        expect(await stack.onHost(`cat /var/lib/chandler/bin/${name}`)).toBe(text);

      const second = await go();
      expect([second.code, second.stdout]).toEqual([0, expect.stringContaining('nothing to do')]);
      expect(await counts()).toEqual(whatRan);
    },
  );

  it('that fails says why, finishes nothing, and tries only the failed step again', async () => {
    await put([
      { name: 'good', script: ran('good'), finalize: ran('fin') },
      { name: 'bad', script: ran('bad', 'echo "what went wrong"; [ -e /root/mended ] || exit 7') },
      { name: 'after', script: ran('after'), needs: ['bad'] },
    ]);
    const { code, stdout } = await run();
    expect(code).toBe(1);
    expect(stdout).toContain('bad: failed: exit code 7');
    expect(stdout).toContain('    | what went wrong');
    expect(stdout).toContain('attach bad');
    expect(stdout).toContain('after: does not run, because bad has failed');
    expect(await counts()).toEqual({ good: 1, bad: 1 });
    expect(await stack.onHost('ls /var/lib/chandler/provisioned 2>&1 || :')).toContain('No such file');
    expect((await run('sh', 'status')).stdout).toContain('failed\n');

    await stack.onHost('touch /root/mended');
    expect((await run()).code).toBe(0);
    expect(await counts()).toEqual({ good: 1, bad: 2, after: 1, fin: 1 });
    expect(await readLog()).toContain('good: was done before');
  });

  it('that is told to stop ends what it has started, and goes on when it is started again', async () => {
    await put([{ name: 'long', script: ran('long', 'setsid sleep 4321 & touch /root/ready; sleep 4321') }]);
    await runBehind();
    await appears('/root/ready');
    const second = await run();
    expect([second.code, second.stdout]).toEqual([
      75,
      expect.stringContaining('another instance is at work'),
    ]);
    const pid = (await stack.onHost("sed -n 's/^pid=//p' /var/lib/chandler/script/pid")).trim();
    await stack.onHost(`kill -TERM ${pid}`);
    await poll(
      async () => (await stack.onHost(`kill -0 ${pid} 2>/dev/null && echo yes || :`)) === '',
      'it ends',
    );
    expect(await stack.onHost('pgrep -f "[s]leep 4321" || :')).toBe('');
    expect(await readLog()).toContain('stopped by TERM');
    expect((await run('sh', 'status')).stdout).toContain('stopped\n');

    await put([{ name: 'long', script: ran('long', 'setsid sleep 4321 & touch /root/ready; sleep 4321') }]);
    await stack.onHost('rm /root/ready');
    await runBehind();
    await appears('/root/ready');
    expect((await run('sh', 'stop')).code).toBe(0);
    expect(await counts()).toEqual({ long: 2 });
    expect(await stack.onHost('pgrep -f "[s]leep 4321" || :')).toBe('');
  });

  it.each<[phase: string, until: string, steps: Step[], options?: ScriptOptions]>([
    [
      'the bootstrap marker is missing',
      'waiting for /root/never',
      [{ name: 'a', script: 'true' }],
      { bootstrap: { marker: '/root/never' } },
    ],
    [
      'zmx is on its way',
      'installing zmx from',
      [{ name: 'a', script: 'true' }],
      // Whoever listens there never answers.
      { zmx: { source: 'release', url: 'http://127.0.0.1:SILENT/zmx.tgz', sha256: '0'.repeat(64) } },
    ],
    [
      'a step is checked',
      'b: begins',
      [
        { name: 'a', check: 'sleep 4322', script: ran('a') },
        { name: 'b', script: 'sleep 4322' },
      ],
    ],
    [
      'a step waits for its next try',
      'is tried again in 600 s',
      [{ name: 'a', script: 'false', retry: { attempts: 2, backoff: '10m' } }],
    ],
    [
      'a step waits for another',
      'a: begins',
      [
        { name: 'a', script: 'sleep 4322' },
        { name: 'b', needs: ['a'], script: ran('b') },
      ],
    ],
    ['a finalizer runs', 'a (finalizer): begins', [{ name: 'a', script: 'true', finalize: 'sleep 4322' }]],
  ])(
    'that is told to stop while %s does so at once, and leaves nothing',
    async (_, until, steps, options) => {
      const silent = createServer(() => undefined).listen(0, '127.0.0.1');
      await once(silent, 'listening');
      const { port } = silent.address() as AddressInfo;
      const url = options?.zmx?.url?.replace('SILENT', String(port));
      await put(steps, { ...options, ...(url !== undefined && { zmx: { ...options?.zmx, url } }) });
      const over = run();
      // Until it has begun there is no log to read.
      await poll(async () => (await readLog().catch(() => '')).includes(until), until);
      const begin = performance.now();
      expect(await run('sh', 'stop')).toMatchObject({ code: 0 });
      expect(performance.now() - begin).toBeLessThan(60_000);
      expect(await over).toMatchObject({ code: 143 });
      silent.closeAllConnections();
      silent.close();
      expect(await stack.onHost('pgrep -f "[s]leep 4322|[z]mx.tgz|[c]handler-provision" || :')).toBe('');
      expect(await counts()).toEqual({});
      // And it goes on from there.
      await put([{ name: 'a', script: ran('a') }]);
      expect((await run()).code).toBe(0);
      expect(await counts()).toEqual({ a: 1 });
    },
  );

  it('that is rebooted in the middle repeats only what was cut short', async () => {
    const steps = [
      { name: 'first', script: ran('first'), finalize: ran('fin') },
      {
        name: 'cut',
        script: ran('cut', '[ -e /root/ready ] || { touch /root/ready; sleep 60; }'),
        needs: ['first'],
      },
    ];
    await put(steps);
    await runBehind();
    await appears('/root/ready');
    await sandboxReboot(stack.host);
    const { code, stdout } = await run();
    expect([code, stdout]).toEqual([0, expect.stringContaining('first: was done before')]);
    expect(await counts()).toEqual({ first: 1, cut: 2, fin: 1 });
  });

  it('that was killed leaves a step running, and waits for that when it is started again', async () => {
    await put([
      { name: 'long', script: ran('long', 'touch /root/ready; until [ -e /root/go ]; do sleep 0.1; done') },
    ]);
    await runBehind();
    await appears('/root/ready');
    await stack.onHost("kill -9 $(sed -n 's/^pid=//p' /var/lib/chandler/script/pid)");
    // What it was calling at that moment holds its lock for as long as that takes.
    await stack.onHost('flock -s /var/lib/chandler/script/lock true');
    const over = run();
    await poll(async () => (await readLog()).includes('long: is under way already'), 'it waits for the step');
    await stack.onHost('touch /root/go');
    expect(await over).toMatchObject({ code: 0 });
    expect(await counts()).toEqual({ long: 1 });
  });

  it('waits for the bootstrap marker, and no longer than it may', async () => {
    await put([{ name: 'a', script: ran('a') }], { bootstrap: { marker: '/root/ready', timeout: '1s' } });
    const { code, stdout } = await run();
    expect([code, stdout]).toEqual([1, expect.stringContaining('/root/ready did not appear within 1 s')]);
    await stack.onHost('touch /root/ready');
    expect((await run()).code).toBe(0);
  });

  it('takes every text as it is', async () => {
    const odd = "it's \"$HOME\" `id` \\ $(id)\n\tCHANDLER_0123456789abcdef\nünï\n'EOF'";
    await put([
      {
        name: 'odd',
        script: `cat >/root/odd <<'XX'\n${odd}\nXX\nprintf %s "$ODD" >/root/odd-env`,
        env: { ODD: odd },
      },
    ]);
    expect((await run()).code).toBe(0);
    expect(await stack.onHost('cat /root/odd')).toBe(`${odd}\n`);
    expect(await stack.onHost('cat /root/odd-env')).toBe(odd);
  });

  it('that runs out of room says so, and goes on once there is some', async () => {
    const at = '/mnt/small';
    await stack.onHost(`mkdir -p ${at} && mount -t tmpfs -o size=3m tmpfs ${at}`);
    const stateDir = `${at}/state`;
    const steps = [
      { name: 'fills', script: ran('fills', `head -c 9999999 /dev/zero >${at}/file; sleep 0.5`) },
      { name: 'after', script: ran('after'), needs: ['fills'] },
    ];
    await put(steps, { stateDir });
    const full = await run();
    expect([full.code, full.stdout]).toEqual([1, expect.stringContaining('(disk-full): no space left')]);
    await stack.onHost(`mount -o remount,size=9m ${at}`);
    expect((await run()).code).toBe(0);
    expect(await counts()).toEqual({ fills: 1, after: 1 });
    await stack.onHost(`mount -o remount,ro ${at}`);
    const readOnly = await run();
    expect([readOnly.code, readOnly.stdout]).toEqual([
      1,
      expect.stringContaining('state-directory-unwritable'),
    ]);
    await stack.onHost(`umount -l ${at}`);
  });

  it.each([
    ['a shell that has nothing open', '<&- >&- 2>&-'],
    ['one whose reader has gone', '| head -n 1 >/dev/null'],
  ])('goes on in %s', async (_, around) => {
    await put([{ name: 'a', script: ran('a'), finalize: ran('fin') }]);
    for (const shell of ['dash', 'bash', 'busybox ash']) {
      await stack.onHost(`rm -rf /root/ran /var/lib/chandler/provisioned; ${shell} ${PATH} ${around} || :`);
      await appears('/var/lib/chandler/provisioned');
      expect(await counts()).toEqual({ a: 1, fin: 1 });
    }
  });

  it('that is done tells the same of its steps when it is started once more', async () => {
    const done = 'provisioned\na\texited 0\na (finalizer)\texited 0\n';
    await put([{ name: 'a', script: ran('a'), finalize: ran('fin') }]);
    for (const round of [1, 2]) {
      await stack.onHost('rm -f /var/lib/chandler/provisioned');
      for (const _ of ['does it', 'has nothing to do', 'has nothing to do']) {
        expect((await run()).code).toBe(0);
        expect((await run('sh', 'status')).stdout).toBe(done);
      }
      expect(await counts()).toEqual({ a: round, fin: round });
    }
  });

  it('ends the others with onStepFailure: fail', async () => {
    await put(
      [
        { name: 'bad', script: 'sleep 0.5; exit 3' },
        { name: 'long', script: 'sleep 5432' },
      ],
      { onStepFailure: 'fail' },
    );
    expect((await run()).code).toBe(1);
    expect(await stack.onHost('pgrep -f "[s]leep 5432" || :')).toBe('');
  });

  describe('and a workflow', () => {
    it('that provisions the same plan goes on from what the script has done', async () => {
      const steps = [
        { name: 'done', script: ran('done'), finalize: ran('fin') },
        { name: 'runs', script: ran('runs', 'touch /root/ready; sleep 3') },
        { name: 'later', script: ran('later'), needs: ['runs'] },
      ];
      await put(steps);
      await runBehind();
      await appears('/root/ready');
      const id = await stack.start({ steps });
      expect(await stack.client.result(id)).toMatchObject({ outcome: 'provisioned' });
      expect(await counts()).toEqual({ done: 1, runs: 1, later: 1, fin: 1 });
      expect(await readLog()).toContain('somebody else goes on from here');
      // What is provisioned stays so, whoever did it.
      expect((await run()).stdout).toContain('nothing to do');
    });

    it('of another plan is refused while the script is at work', async () => {
      await put([{ name: 'runs', script: 'touch /root/ready; sleep 60' }]);
      await runBehind();
      await appears('/root/ready');
      const id = await stack.start({ steps: [{ name: 'other', script: 'true' }] });
      expect(await stack.client.result(id)).toMatchObject({
        outcome: 'failed',
        failure: { code: 'lease-held', advice: expect.stringContaining('watch-host') as string },
      });
      await run('sh', 'stop');
    });

    it('that watches sees it to its end', async () => {
      await put([
        { name: 'a', script: ran('a', 'touch /root/ready; sleep 2'), finalize: ran('fin') },
        { name: 'b', script: ran('b'), needs: ['a'] },
      ]);
      const id = 'watch:from-the-command-line';
      const watching = watchHost(id);
      await stack.until(id, ({ phase }) => phase === 'waiting-for-script', 'the watch waits for the script');
      await runBehind();
      const status = await stack.until(id, ({ steps }) => steps[0]?.state === 'running', 'the step is seen');
      expect(status).toMatchObject({
        phase: 'steps',
        steps: [
          { name: 'a', session: 'a' },
          { name: 'b', state: 'pending' },
        ],
      });
      const { stdout } = await watching;
      for (const line of [/a +running/, /a +succeeded/, /b +succeeded/, /provisioned/])
        expect(stdout).toMatch(line);
      expect(await stack.client.result(id)).toMatchObject({ outcome: 'provisioned' });
      const last = await stack.client.status(id);
      expect(last.steps).toMatchObject([
        { name: 'a', state: 'succeeded', generation: 1, finalizer: { state: 'succeeded' } },
        { name: 'b', state: 'succeeded' },
      ]);
      expect((await stack.client.readLog(id, 'a')).complete).toBe(true);
      const again = await stack.client.watch({ target: stack.target() });
      expect(await stack.client.result(again.workflowId)).toMatchObject({ outcome: 'already-provisioned' });
    });

    it('that watches lets a person retry what has failed, and brings the rest to its end', async () => {
      await put([
        { name: 'good', script: ran('good'), finalize: ran('fin') },
        { name: 'bad', script: ran('bad', 'echo "what went wrong"; [ -e /root/mended ] || exit 7') },
        { name: 'after', script: ran('after'), needs: ['bad'] },
      ]);
      const { workflowId: id } = await stack.client.watch({ target: stack.target() });
      await runBehind();
      const parked = await stack.until(id, ({ attention }) => attention, 'the watch needs a person');
      expect(parked.steps[1]).toMatchObject({
        state: 'parked',
        failure: {
          code: 'step-failed',
          exitCode: 7,
          logTail: expect.stringContaining('what went wrong') as string,
        },
      });
      await stack.onHost('touch /root/mended');
      await stack.client.retry(id, { step: 'bad' });
      expect(await stack.client.result(id)).toMatchObject({ outcome: 'provisioned' });
      expect(await counts()).toEqual({ good: 1, bad: 2, after: 1, fin: 1 });
      const { interventions } = await stack.client.status(id);
      expect(interventions).toMatchObject([{ action: 'retryStep', step: 'bad' }]);
    });

    it('that watches and is aborted ends the script with all that it has started', async () => {
      await put([{ name: 'long', script: 'setsid sleep 6543 & touch /root/ready; sleep 6543' }]);
      await runBehind();
      await appears('/root/ready');
      const { workflowId: id } = await stack.client.watch({ target: stack.target() });
      await stack.until(id, ({ steps }) => steps[0]?.state === 'running', 'the step is seen');
      await expect(stack.client.pause(id)).rejects.toThrow('only aborted');
      await stack.client.abort(id, { reason: 'wrong host' });
      expect(await stack.client.result(id)).toMatchObject({ outcome: 'aborted' });
      expect(await stack.onHost('pgrep -f "[s]leep 6543" || :')).toBe('');
      expect(await readLog()).toContain('stopped by TERM');
    });
  });
});
