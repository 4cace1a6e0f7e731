import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { sandboxExec, sandboxReboot } from '../support/sandbox-control.ts';
import type { Step } from '../../src/domain/plan/schema.ts';
import { loadPrograms } from '../../src/host/programs.ts';
import { script, scriptPath, type ScriptOptions } from '../../src/library/index.ts';
import { sha256Of } from '../../src/host/sha256.ts';
import { poll } from '../support/poll.ts';
import { startStack, type Stack } from '../support/stack.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const PATH = scriptPath;
const zmx = { source: 'tmux' } as const;
/** Records each execution as a line in a file. */
const record = (name: string, more = '') => `echo ${name} >>/root/record; ${more}`;

const DATA = Buffer.from(Array.from({ length: 50_000 }, (_, i) => (i * 7) % 256));
/** One has no line end at its end, one has several. */
const FILES = [
  { path: '/srv/x/data', content: DATA.toString('base64'), encoding: 'base64' as const },
  { path: '/srv/x/text', content: "it's ${WORD}\n\n", expand: true, mode: '0600' },
];

describe('a self-provisioning host', () => {
  let stack: Stack;
  beforeAll(async () => {
    stack = await startStack();
  });
  afterAll(() => stack?.stop());
  beforeEach(() =>
    stack.onHost(
      `${PATH} stop >/dev/null 2>&1; rm -rf /root/record /root/fixed /root/ready /root/go ${PATH} /var/lib/chandler/script /var/lib/chandler/launches /var/lib/chandler/lease /var/lib/chandler/plans /var/lib/chandler/provisioned /var/log/chandler-provision.log`,
    ),
  );

  const installScript = async (steps: Step[], options: ScriptOptions = {}) => {
    const { code, stderr } = await sandboxExec(
      stack.host,
      ['sh', '-c', `cat >${PATH}.new && chmod 755 ${PATH}.new && mv -f ${PATH}.new ${PATH}`],
      { stdin: script(steps, { zmx, ...options }) },
    );
    expect([code, stderr]).toEqual([0, '']);
  };
  const run = (shell = 'sh', argument = 'run') => sandboxExec(stack.host, [shell, PATH, argument]);
  const runInBackground = () => stack.onHost(`nohup setsid ${PATH} </dev/null >/dev/null 2>&1 &`);
  const counts = async () => {
    const text = await stack.onHost('sort /root/record 2>/dev/null | uniq -c');
    return Object.fromEntries(
      text
        .trim()
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => line.trim().split(' '))
        .map(([count, name]) => [name, Number(count)]),
    ) as Record<string, number>;
  };
  /** Runs `chandler watch-host`. Fails unless it exits with 0. */
  const watchHost = (id: string) => {
    const { host, port, identity, hostKey } = stack.target();
    const settings = [`identity=${identity}`, `hostKey=${hostKey}`].flatMap((word) => ['--target', word]);
    const server = ['--address', stack.address, '--task-queue', stack.taskQueue];
    const words = ['watch-host', `root@${host}:${port}`, '--id', id, ...settings, ...server];
    return promisify(execFile)(process.execPath, ['dist/cli/main.js', ...words], { cwd: root });
  };
  const waitForFile = (path: string) =>
    poll(async () => (await stack.onHost(`[ -e ${path} ] && echo yes || :`)) !== '', `${path} appears`);
  const readLog = () => stack.onHost('cat /var/log/chandler-provision.log');

  it.each(['dash', 'bash', 'busybox'])(
    'runs every part once, and nothing in a second start, under %s',
    async (shell) => {
      const [program, ...words] = shell === 'busybox' ? ['busybox', 'ash'] : [shell];
      const go = () => sandboxExec(stack.host, [program, ...words, PATH]);
      await installScript([
        {
          name: 'px-a',
          script: record('a', 'sleep 1; echo "a: $WORD"'),
          finalize: record('fin-a'),
          env: { WORD: `it's "$x" \`y\`` },
        },
        { name: 'px-b', script: record('b', 'sleep 1'), finalize: record('fin-b') },
        {
          name: 'px-c',
          script: record('c', 'cat /srv/x/* | sha256sum'),
          needs: ['px-a'],
          files: FILES,
          env: { WORD: '$x' },
        },
        { name: 'px-f', files: [{ path: '/srv/only', content: 'x' }] },
        { name: 'px-d', script: record('d'), check: 'true' },
        {
          name: 'px-e',
          script: '#!/bin/sh\necho e >>/root/record\n[ $CHANDLER_ATTEMPT = 2 ]',
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
      const order = (await stack.onHost('cat /root/record')).trim().split('\n');
      expect(order.slice(-2)).toEqual(['fin-a', 'fin-b']);
      // Both long steps started before either ended.
      expect(first.stdout.indexOf('px-b: begins')).toBeLessThan(first.stdout.indexOf('px-a: done'));
      expect(first.stdout).toMatch(/^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ .*\n|    \| .*\n)+$/);
      const sentinel = JSON.parse(await stack.onHost('cat /var/lib/chandler/provisioned')) as object;
      expect(sentinel).toMatchObject({
        digest: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
        steps: [{ name: 'px-a', state: 'succeeded' }, {}, {}, {}, { name: 'px-d', state: 'satisfied' }, {}],
      });
      expect(await stack.onHost('cat /srv/x/text /srv/only; sha256sum </srv/x/data')).toBe(
        `it's $x\n\nx${sha256Of(DATA)}  -\n`,
      );
      const { name, text } = loadPrograms().supervise;
      expect(await stack.onHost(`cat /var/lib/chandler/bin/${name}`)).toBe(text);

      const second = await go();
      expect([second.code, second.stdout]).toEqual([0, expect.stringContaining('nothing to do')]);
      expect(await counts()).toEqual(whatRan);
    },
  );

  it('reports why a step failed, runs no finalizer, and repeats only the failed step in the next start', async () => {
    await installScript([
      { name: 'good', script: record('good'), finalize: record('fin') },
      { name: 'bad', script: record('bad', 'echo "what went wrong"; [ -e /root/fixed ] || exit 7') },
      { name: 'after', script: record('after'), needs: ['bad'] },
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

    await stack.onHost('touch /root/fixed');
    expect((await run()).code).toBe(0);
    expect(await counts()).toEqual({ good: 1, bad: 2, after: 1, fin: 1 });
    expect(await readLog()).toContain('good: was done before');
  });

  it('ends its steps when it is stopped, and continues when it is started again', async () => {
    await installScript([
      { name: 'long', script: record('long', 'setsid sleep 4321 & touch /root/ready; sleep 4321') },
    ]);
    await runInBackground();
    await waitForFile('/root/ready');
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

    await installScript([
      { name: 'long', script: record('long', 'setsid sleep 4321 & touch /root/ready; sleep 4321') },
    ]);
    await stack.onHost('rm /root/ready');
    await runInBackground();
    await waitForFile('/root/ready');
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
      'zmx is being downloaded',
      'installing zmx from',
      [{ name: 'a', script: 'true' }],
      // A server that never responds listens there.
      { zmx: { source: 'release', url: 'http://127.0.0.1:SILENT/zmx.tgz', sha256: '0'.repeat(64) } },
    ],
    [
      'a check runs',
      'b: begins',
      [
        { name: 'a', check: 'sleep 4322', script: record('a') },
        { name: 'b', script: 'sleep 4322' },
      ],
    ],
    [
      'a step waits for its next attempt',
      'next attempt in 600 s',
      [{ name: 'a', script: 'false', retry: { attempts: 2, backoff: '10m' } }],
    ],
    [
      'a step waits for another',
      'a: begins',
      [
        { name: 'a', script: 'sleep 4322' },
        { name: 'b', needs: ['a'], script: record('b') },
      ],
    ],
    ['a finalizer runs', 'a (finalizer): begins', [{ name: 'a', script: 'true', finalize: 'sleep 4322' }]],
  ])('stops at once and leaves no process while %s', async (_, until, steps, options) => {
    const silent = createServer(() => undefined).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    const url = options?.zmx?.url?.replace('SILENT', String(port));
    await installScript(steps, { ...options, ...(url !== undefined && { zmx: { ...options?.zmx, url } }) });
    const over = run();
    // The log does not exist before the start.
    await poll(async () => (await readLog().catch(() => '')).includes(until), until);
    expect(await run('sh', 'stop')).toMatchObject({ code: 0 });
    expect(await over).toMatchObject({ code: 143 });
    silent.closeAllConnections();
    silent.close();
    expect(await stack.onHost('pgrep -f "[s]leep 4322|[z]mx.tgz|[c]handler-provision" || :')).toBe('');
    expect(await counts()).toEqual({});
    // The next start continues.
    await installScript([{ name: 'a', script: record('a') }]);
    expect((await run()).code).toBe(0);
    expect(await counts()).toEqual({ a: 1 });
  });

  it('does not count a step as done that was killed from outside, even if it then exits with 0', async () => {
    const loop = 'until test -e /root/go; do sleep 0.1; done';
    await installScript([{ name: 'px-a', script: `trap 'exit 0' TERM; ${record('a', loop)}` }]);
    await runInBackground();
    await waitForFile('/root/record');
    await stack.onHost(
      `cd /var/lib/chandler && sh "$(grep -l ^kill_launch bin/* | head -n 1)" '' "$PWD" kill "$(ls launches)" 5 '' '' ''`,
    );
    await poll(async () => /px-a: failed: was ended by Chandler/.test(await readLog()), 'it has failed');
    expect(await stack.onHost('ls /var/lib/chandler/provisioned 2>&1 || :')).toMatch(/No such file/);
  });

  it('repeats only the interrupted step after a reboot', async () => {
    const steps = [
      { name: 'first', script: record('first'), finalize: record('fin') },
      {
        name: 'cut',
        script: record('cut', '[ -e /root/ready ] || { touch /root/ready; sleep 60; }'),
        needs: ['first'],
      },
    ];
    await installScript(steps);
    await runInBackground();
    await waitForFile('/root/ready');
    await sandboxReboot(stack.host);
    const { code, stdout } = await run();
    expect([code, stdout]).toEqual([0, expect.stringContaining('first: was done before')]);
    expect(await counts()).toEqual({ first: 1, cut: 2, fin: 1 });
  });

  it('waits for a step that still runs from a killed start', async () => {
    await installScript([
      {
        name: 'long',
        script: record('long', 'touch /root/ready; until [ -e /root/go ]; do sleep 0.1; done'),
      },
    ]);
    await runInBackground();
    await waitForFile('/root/ready');
    await stack.onHost("kill -9 $(sed -n 's/^pid=//p' /var/lib/chandler/script/pid)");
    // A program that the killed script was running may still hold the lock.
    await stack.onHost('flock -s /var/lib/chandler/script/lock true');
    const over = run();
    await poll(async () => (await readLog()).includes('long: is already running'), 'it waits for the step');
    await stack.onHost('touch /root/go');
    expect(await over).toMatchObject({ code: 0 });
    expect(await counts()).toEqual({ long: 1 });
  });

  it('waits for the bootstrap marker up to its timeout', async () => {
    await installScript([{ name: 'a', script: record('a') }], {
      bootstrap: { marker: '/root/ready', timeout: '1s' },
    });
    const { code, stdout } = await run();
    expect([code, stdout]).toEqual([1, expect.stringContaining('/root/ready did not appear within 1 s')]);
    await stack.onHost('touch /root/ready');
    expect((await run()).code).toBe(0);
  });

  it('takes scripts and variables literally', async () => {
    const odd = "it's \"$HOME\" `id` \\ $(id)\n\tX\nEOT\nEOT_\nünï\n'EOF'";
    await installScript([
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

  it('reports a full disk, and continues once there is space', async () => {
    const at = '/mnt/small';
    await stack.onHost(`mkdir -p ${at} && mount -t tmpfs -o size=3m tmpfs ${at}`, { asMachine: true });
    const stateDir = `${at}/state`;
    const steps = [
      { name: 'fills', script: record('fills', `head -c 9999999 /dev/zero >${at}/file; sleep 0.5`) },
      { name: 'after', script: record('after'), needs: ['fills'] },
    ];
    await installScript(steps, { stateDir });
    const full = await run();
    expect([full.code, full.stdout]).toEqual([1, expect.stringContaining('(disk-full): no space left')]);
    await stack.onHost(`mount -o remount,size=9m ${at}`, { asMachine: true });
    expect((await run()).code).toBe(0);
    expect(await counts()).toEqual({ fills: 1, after: 1 });
    await stack.onHost(`mount -o remount,ro ${at}`, { asMachine: true });
    const readOnly = await run();
    expect([readOnly.code, readOnly.stdout]).toEqual([
      1,
      expect.stringContaining('state-directory-unwritable'),
    ]);
    await stack.onHost(`umount -l ${at}`, { asMachine: true });
  });

  it.each([
    ['without open descriptors', '<&- >&- 2>&-'],
    ['whose reader is gone', '| head -n 1 >/dev/null'],
  ])('works in a shell %s', async (_, around) => {
    await installScript([{ name: 'a', script: record('a'), finalize: record('fin') }]);
    for (const shell of ['dash', 'bash', 'busybox ash']) {
      await stack.onHost(
        `rm -rf /root/record /var/lib/chandler/plans /var/lib/chandler/provisioned; ${shell} ${PATH} ${around} || :`,
      );
      await waitForFile('/var/lib/chandler/provisioned');
      expect(await counts()).toEqual({ a: 1, fin: 1 });
    }
  });

  it('reports the same status after further starts', async () => {
    const done = 'provisioned\na\texited 0\na (finalizer)\texited 0\n';
    await installScript([{ name: 'a', script: record('a'), finalize: record('fin') }]);
    for (const _round of ['on a new host', 'without the sentinel']) {
      await stack.onHost('rm -f /var/lib/chandler/provisioned');
      for (const _ of ['does it', 'has nothing to do', 'has nothing to do']) {
        expect((await run()).code).toBe(0);
        expect((await run('sh', 'status')).stdout).toBe(done);
      }
      expect(await counts()).toEqual({ a: 1, fin: 1 });
    }
  });

  it('C4: runs only what is changed, after an earlier script and after a run, and a run only what is changed since', async () => {
    const steps = (version: Record<string, number> = {}): Step[] =>
      [
        { name: 'a', finalize: record('fin') },
        { name: 'b', needs: ['a'] },
        { name: 'c', check: `echo check >>/root/record; test ! -e /root/go` },
        { name: 'd', needs: ['c'] },
      ].map((step) => ({ ...step, script: `${record(step.name)}\n: ${version[step.name] ?? 1}` }));
    const plan = { name: 'site', zmx };
    const provision = async (versions: Record<string, number>) => {
      const id = await stack.start({ ...plan, steps: steps(versions) });
      expect(await stack.client.result(id)).toMatchObject({ outcome: 'provisioned' });
    };
    const counted = async () => {
      const found = await counts();
      await stack.onHost('rm -f /root/record');
      return found;
    };
    await installScript(steps(), plan);
    expect((await run()).code).toBe(0);
    expect(await counted()).toEqual({ a: 1, b: 1, check: 1, d: 1, fin: 1 });
    await installScript(steps({ b: 2 }), plan);
    expect((await run()).code).toBe(0);
    expect(await counted()).toEqual({ b: 1, fin: 1 });
    await provision({ b: 2, a: 2 });
    expect(await counted()).toEqual({ a: 1, b: 1, fin: 1 });
    await installScript(steps({ b: 2, a: 2, d: 2 }), plan);
    expect((await run()).code).toBe(0);
    expect(await counted()).toEqual({ d: 1, fin: 1 });
    // As before a: 2, which ran since, so its own launches do not count any more.
    await installScript(steps({ b: 2 }), plan);
    expect((await run()).code).toBe(0);
    expect(await counted()).toEqual({ a: 1, b: 1, d: 1, fin: 1 });
  });

  it('ends the other steps with onStepFailure: fail', async () => {
    await installScript(
      [
        { name: 'bad', script: 'sleep 0.5; exit 3' },
        { name: 'long', script: 'sleep 5432' },
      ],
      { onStepFailure: 'fail' },
    );
    expect((await run()).code).toBe(1);
    expect(await stack.onHost('pgrep -f "[s]leep 5432" || :')).toBe('');
  });

  describe('with a run', () => {
    it('lets a run of the same plan continue from what its script has done', async () => {
      const steps = [
        { name: 'done', script: record('done'), finalize: record('fin') },
        {
          name: 'runs',
          script: record('runs', 'touch /root/ready; until test -e /root/go; do sleep 0.1; done'),
        },
        { name: 'later', script: record('later'), needs: ['runs'] },
      ];
      await installScript(steps);
      await runInBackground();
      await waitForFile('/root/ready');
      const id = await stack.start({ steps });
      await stack.until(id, (status) => status.steps[1]?.state === 'running', 'the run follows the step');
      await stack.onHost('touch /root/go');
      expect(await stack.client.result(id)).toMatchObject({ outcome: 'provisioned' });
      expect(await counts()).toEqual({ done: 1, runs: 1, later: 1, fin: 1 });
      expect(await readLog()).toContain('a workflow continues from here');
      // The script recognizes the sentinel of the run.
      expect((await run()).stdout).toContain('nothing to do');
    });

    it('refuses a run of another plan while its script is at work', async () => {
      await installScript([{ name: 'runs', script: 'touch /root/ready; sleep 60' }]);
      await runInBackground();
      await waitForFile('/root/ready');
      const id = await stack.start({ steps: [{ name: 'other', script: 'true' }] });
      expect(await stack.client.result(id)).toMatchObject({
        outcome: 'failed',
        failure: { code: 'lease-held', advice: expect.stringContaining('watch-host') as string },
      });
      await run('sh', 'stop');
    });

    it('is followed to its end by watch-host', async () => {
      await installScript([
        {
          name: 'a',
          script: record('a', 'until test -e /root/go; do sleep 0.1; done'),
          finalize: record('fin'),
        },
        { name: 'b', script: record('b'), needs: ['a'] },
      ]);
      const id = 'watch:from-the-command-line';
      const watching = watchHost(id);
      let printed = '';
      watching.child.stdout?.on('data', (text: string) => (printed += text));
      await stack.until(id, ({ phase }) => phase === 'waiting-for-script', 'the watch waits for the script');
      await runInBackground();
      const status = await stack.until(id, ({ steps }) => steps[0]?.state === 'running', 'the step appears');
      expect(status).toMatchObject({
        phase: 'steps',
        steps: [
          { name: 'a', session: 'a' },
          { name: 'b', state: 'pending' },
        ],
      });
      await poll(() => /a +running/.test(printed), 'the command prints that the step runs');
      await stack.onHost('touch /root/go');
      const { stdout } = await watching;
      for (const line of [/a +running/, /a +succeeded/, /b +succeeded/, /provisioned/])
        expect(stdout).toMatch(line);
      expect(await stack.client.result(id)).toMatchObject({ outcome: 'provisioned' });
      const last = await stack.client.status(id);
      expect(last.steps).toMatchObject([
        { name: 'a', state: 'succeeded', attempt: 1, finalizer: { state: 'succeeded' } },
        { name: 'b', state: 'succeeded' },
      ]);
      expect((await stack.client.readLog(id, 'a')).complete).toBe(true);
      const again = await stack.client.watch({ target: stack.target() });
      expect(await stack.client.result(again.workflowId)).toMatchObject({ outcome: 'already-provisioned' });
    });

    it('C4: lets an operator retry a failed step through watch-host, which finishes the plan', async () => {
      await installScript([
        { name: 'good', script: record('good'), finalize: record('fin') },
        { name: 'bad', script: record('bad', 'echo "what went wrong"; [ -e /root/fixed ] || exit 7') },
        { name: 'after', script: record('after'), needs: ['bad'] },
      ]);
      const { workflowId: id } = await stack.client.watch({ target: stack.target() });
      await runInBackground();
      const parked = await stack.until(id, ({ attention }) => attention, 'a step parks');
      expect(parked.steps[1]).toMatchObject({
        state: 'parked',
        failure: {
          code: 'step-failed',
          exitCode: 7,
          logTail: expect.stringContaining('what went wrong') as string,
        },
      });
      await stack.onHost('touch /root/fixed');
      await stack.client.retry(id, { step: 'bad' });
      expect(await stack.client.result(id)).toMatchObject({ outcome: 'provisioned' });
      expect(await counts()).toEqual({ good: 1, bad: 2, after: 1, fin: 1 });
      const { auditTrail } = await stack.client.status(id);
      expect(auditTrail).toMatchObject([{ action: 'retryStep', step: 'bad' }]);
      expect((await run('sh', 'status')).stdout).toMatch(/^provisioned\n/);
      expect((await run()).stdout).toContain('nothing to do');
      // Without the sentinel alone nothing runs again, as after an end of the script itself.
      await stack.onHost('rm /var/lib/chandler/provisioned');
      expect((await run()).code).toBe(0);
      expect(await counts()).toEqual({ good: 1, bad: 2, after: 1, fin: 1 });
      expect((await run('sh', 'status')).stdout).toMatch(/^provisioned\n/);
    });

    it('C4: runs a step that a run had skipped when its script is started again', async () => {
      await installScript([
        { name: 'good', script: record('good') },
        { name: 'bad', script: record('bad', '[ -e /root/fixed ] || exit 7') },
      ]);
      expect((await run()).code).toBe(1);
      const { workflowId: id } = await stack.client.watch({ target: stack.target() });
      await stack.until(id, ({ attention }) => attention, 'a step parks');
      await stack.client.skip(id, { step: 'bad' });
      expect(await stack.client.result(id)).toMatchObject({ outcome: 'provisioned' });
      expect((await run('sh', 'status')).stdout).toMatch(/^failed\n/);
      // Watching again ends at once and shows the skipped step.
      const again = (await stack.client.watch({ target: stack.target() })).workflowId;
      expect(await stack.client.result(again)).toMatchObject({ outcome: 'already-provisioned' });
      expect((await stack.client.status(again)).steps.map(({ state }) => state)).toEqual([
        'succeeded',
        'skipped',
      ]);

      await stack.onHost('touch /root/fixed');
      expect((await run()).code).toBe(0);
      expect(await counts()).toEqual({ good: 1, bad: 2 });
      expect((await run('sh', 'status')).stdout).toMatch(/^provisioned\n/);
    });

    it('is stopped with its steps by an abort of watch-host', async () => {
      await installScript([{ name: 'long', script: 'setsid sleep 6543 & touch /root/ready; sleep 6543' }]);
      await runInBackground();
      await waitForFile('/root/ready');
      const { workflowId: id } = await stack.client.watch({ target: stack.target() });
      await stack.until(id, ({ steps }) => steps[0]?.state === 'running', 'the step appears');
      await expect(stack.client.pause(id)).rejects.toThrow('only aborted');
      await stack.client.abort(id, { reason: 'wrong host' });
      expect(await stack.client.result(id)).toMatchObject({ outcome: 'aborted' });
      expect(await stack.onHost('pgrep -f "[s]leep 6543" || :')).toBe('');
      expect(await readLog()).toContain('stopped by TERM');
    });
  });
});
