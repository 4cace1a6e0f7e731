import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import type { Diff } from '../../src/cli/output/outputs.ts';
import { chandlerHere } from '../support/chandler-here.ts';
import { sandboxExec, sandboxSshd } from '../support/sandbox-control.ts';
import { startDevServer, type DevServer } from '../../src/dev/temporal/index.ts';
import { searchAttributes } from '../../src/domain/run/search-attributes.ts';
import type { Finding } from '../../src/domain/run/finding.ts';
import { script } from '../../src/library/index.ts';
import { stripToBusybox } from '../support/busybox.ts';
import { startHost, type TestHost } from '../support/hosts.ts';
import { addSecret, startStack, type Stack } from '../support/stack.ts';
import { testCli } from '../support/temporal.ts';

const manifest = fileURLToPath(new URL('../../package.json', import.meta.url));

interface Report {
  readonly problems: number;
  readonly findings: readonly (Finding & { readonly about: string; readonly name: string })[];
}

let home: string;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'chandler-doctor-'));
});
afterAll(() => rm(home, { recursive: true, force: true }));

/** Runs the CLI without any settings of this machine. */
function chandler(args: readonly string[], env: Record<string, string> = {}, input = '') {
  return chandlerHere(args, { home, env, input });
}

async function doctor(args: readonly string[], env?: Record<string, string>) {
  const { exitCode, stdout, stderr } = await chandler(['doctor', '--json', ...args], env);
  expect(stderr).toBe('');
  const report = JSON.parse(stdout) as Report;
  const of = (id: string) => report.findings.filter((finding) => finding.id === id);
  const wrong = report.findings.filter(({ verdict }) => verdict === 'problem').map(({ id }) => id);
  return { exitCode, ...report, of, wrong };
}

describe('doctor', () => {
  it('reports a missing server, and still the findings on this machine', async () => {
    const key = join(home, 'id_loose');
    await writeFile(key, '-----BEGIN OPENSSH PRIVATE KEY-----\nnothing\n');
    await chmod(key, 0o644);
    const env = { TEMPORAL_ADDRESS: '127.0.0.1:1', CHANDLER_IDENTITIES: home };
    const report = await doctor(['root@127.0.0.1'], env);
    expect(report).toMatchObject({ exitCode: 5, wrong: ['key', 'login', 'server'] });
    expect(report.of('server')).toMatchObject([
      {
        subject: '127.0.0.1:1 (TEMPORAL_ADDRESS)',
        message: expect.stringContaining('ECONNREFUSED') as string,
      },
    ]);
    expect(report.of('host-reach')).toMatchObject([{ verdict: 'skipped', fix: 'chandler worker' }]);
    const fixed = await doctor(['--fix'], env);
    expect(fixed.of('key').filter((finding) => finding.fixed)).toHaveLength(1);
    expect(fixed).toMatchObject({ exitCode: 5, wrong: ['login', 'server'] });
  });

  it('reports invalid settings as a finding, and refuses an invalid target', async () => {
    const settings = await doctor([], { CHANDLER_LOG_LEVEL: 'loud' });
    expect(settings).toMatchObject({ exitCode: 1, wrong: ['settings'] });
    const bad = await chandler(['doctor', 'root@web1', '--target', 'port=99999']);
    expect(bad).toMatchObject({ exitCode: 2, stdout: '', stderr: expect.stringContaining('port') as string });
  });

  describe('with an incomplete server and no worker', () => {
    let server: DevServer;
    beforeAll(async () => {
      const attributes = { ChandlerHost: 'Keyword', ChandlerAttention: 'Keyword' } as const;
      server = await startDevServer({ cli: (await testCli()).path, searchAttributes: attributes });
    });
    afterAll(() => server.stop({ graceMs: 0 }));

    it('reports missing and mistyped search attributes, and creates the missing ones', async () => {
      const at = ['--address', server.address];
      const others = Object.keys(searchAttributes).filter(
        (name) => name !== 'ChandlerHost' && name !== 'ChandlerAttention',
      );
      const named = (report: Awaited<ReturnType<typeof doctor>>, verdict: string) =>
        report
          .of('search-attributes')
          .filter((finding) => finding.verdict === verdict && finding.subject.startsWith('Chandler'))
          .map(({ subject }) => subject)
          .sort();
      const before = await doctor(at);
      expect(before.exitCode).toBe(1);
      expect(named(before, 'problem')).toEqual([...others, 'ChandlerAttention'].sort());
      const missing = before.of('search-attributes').find(({ subject }) => subject === 'ChandlerPhase');
      expect(missing?.fix).toBe(
        `temporal --address ${server.address} --namespace default operator search-attribute create --name ChandlerPhase --type Keyword`,
      );
      const fixed = await doctor([...at, '--fix']);
      expect(named(fixed, 'ok')).toEqual(others.sort());
      const after = await doctor(at);
      expect(named(after, 'problem')).toEqual(['ChandlerAttention']);
    });

    it.concurrent('reports a task queue without workers and a missing namespace', async () => {
      const report = await doctor(['--address', server.address, '--task-queue', 'empty', 'root@127.0.0.1']);
      expect(report.of('workers')).toMatchObject([
        { verdict: 'problem', fix: `chandler worker --address ${server.address} --task-queue empty` },
      ]);
      expect(report.of('host-reach')).toMatchObject([{ verdict: 'skipped' }]);
      const nowhere = await doctor(['--address', server.address, '--namespace', 'nope']);
      expect(nowhere.of('namespace')).toMatchObject([
        { verdict: 'problem', fix: expect.stringContaining('operator namespace create') as string },
      ]);
      expect(nowhere.exitCode).toBe(1);
    });

    it.concurrent('cancels an inspection that no worker picks up', async () => {
      const { connect } = await import('../../src/client.ts');
      const client = await connect({ address: server.address, taskQueue: 'empty' });
      try {
        await expect(client.inspect()).rejects.toMatchObject({ code: 'no-worker' });
        const open = client.temporal.workflow.list({
          query: "ExecutionStatus = 'Running' AND TaskQueue = 'empty'",
        });
        for await (const { workflowId } of open) expect.unreachable(workflowId);
      } finally {
        await client.close();
      }
    });

    it.concurrent("reports the workers' error when they fail at an inspection", async () => {
      const { connect } = await import('../../src/client.ts');
      const taskQueue = { name: 'failing' };
      const client = await connect({ address: server.address, taskQueue: taskQueue.name });
      const { workflowService: service } = client.temporal;
      try {
        const inspection = client.inspect();
        const [namespace, identity] = ['default', 'a worker'];
        const { taskToken } = await client.temporal.withDeadline(Date.now() + 10_000, () =>
          service.pollWorkflowTaskQueue({ namespace, taskQueue, identity }),
        );
        const failure = { message: 'no such workflow\n: inspectHost' };
        await service.respondWorkflowTaskFailed({ namespace, taskToken, identity, failure });
        await expect(inspection).rejects.toMatchObject({
          code: 'no-worker',
          message: expect.stringContaining('workers fail at it (no such workflow : inspectHost)') as string,
        });
      } finally {
        await client.close();
      }
    });
  });
});

describe('doctor with a worker and a host', () => {
  let stack: Stack;
  let pinned: string[];
  let env: Record<string, string>;
  beforeAll(async () => {
    stack = await startStack({ diskMiB: 256 });
    env = { TEMPORAL_ADDRESS: stack.address, CHANDLER_TASK_QUEUE: stack.taskQueue };
    await chmod(join(stack.secretsDir, 'id_test'), 0o600);
    await chmod(stack.secretsDir, 0o700);
    const { host, port, hostKey } = stack.target();
    pinned = [`root@${host}:${port}`, '--target', 'identity=id_test', '--target', `hostKey=${hostKey}`];
  });
  afterAll(() => stack?.stop());

  /** The state of every place on the host where something could be left behind. */
  const snapshot = () =>
    stack.onHost(
      "find /var/lib /root /home /run/chandler /tmp /etc /usr/local ! -path '/var/lib/dpkg/*' -printf '%p %T@ %m %u %s\\n' 2>/dev/null | sort | sha256sum; find /var/lib/chandler /root -type f -exec sha256sum {} + 2>/dev/null | sort",
    );

  it("finds no problem, reports the worker's version, and leaves nothing on a fresh host", async () => {
    const before = await snapshot();
    const report = await doctor(pinned, env);
    expect(report).toMatchObject({ exitCode: 0, wrong: [] });
    const { version } = JSON.parse(await readFile(manifest, 'utf8')) as { version: string };
    expect(report.of('worker-version')).toMatchObject([
      { subject: expect.stringMatching(new RegExp(`^chandler/${version} \\d+@`)) as string, verdict: 'ok' },
    ]);
    const hostIds = report.findings.filter(({ about }) => about === 'host').map(({ id }) => id);
    expect(hostIds).toEqual(
      expect.arrayContaining(['host-login', 'host-tools', 'host-disk', 'host-sessions', 'host-clock']),
    );
    expect(await snapshot()).toBe(before);
    await stack.onHost('test ! -e /var/lib/chandler && test ! -e /run/chandler');
    const { stdout } = await chandler(['doctor', ...pinned], { ...env, NO_COLOR: '1' });
    expect(stdout).toContain('✔ ok');
    expect(stdout).not.toContain('\u001b');
  });

  it('C8: inspects the host and the secrets of a plan, also with the command that init prints', async () => {
    const [address = '', ...more] = pinned;
    const target = ['--target', address, ...more];
    const file = join(home, 'web.yaml');
    const written = await chandler(['init', file, ...target]);
    expect(written).toMatchObject({ exitCode: 0, stderr: '' });
    const [, suggested = ''] = /^ {2}chandler (doctor \S+) /m.exec(written.stdout) ?? [];
    const report = await doctor(suggested.split(' ').slice(1), env);
    expect(report).toMatchObject({ exitCode: 0, wrong: [] });
    expect(report.of('host-login')).toMatchObject([
      { verdict: 'ok', name: `root@127.0.0.1:${stack.host.port}` },
    ]);
    expect(report.of('plan-needs')).toMatchObject([{ verdict: 'ok', message: 'the worker has all of it' }]);

    const lacking = {
      target: stack.target(),
      steps: [{ name: 'a', script: 'x', secrets: { T: 'file:gone' } }],
    };
    await writeFile(file, stringify(lacking));
    const [lacks, preset, refused] = await Promise.all([
      doctor([file], env),
      doctor(['preset:docker', ...target], env),
      chandler(['doctor', 'preset:docker'], env),
    ]);
    expect(lacks).toMatchObject({ exitCode: 1, wrong: ['plan-needs'] });
    expect(lacks.of('plan-needs')).toMatchObject([
      { about: 'worker', message: expect.stringContaining('gone') as string },
    ]);
    expect(preset).toMatchObject({ exitCode: 0, wrong: [] });
    expect(refused).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('target') as string });
  });

  it('reports each obstacle on the way to a host with advice', async () => {
    const ways: Record<string, string[]> = {
      'host-reach': ['127.0.0.1:1', '--target', 'identity=id_test'],
      'host-key': [...pinned, '--target', `hostKey=SHA256:${'A'.repeat(43)}`],
      'host-login': [...pinned, '--target', 'user=nobody'],
      'host-sudo': [...pinned, '--target', 'user=app', '--target', 'become=sudo'],
      identity: [...pinned, '--target', 'identity=gone'],
    };
    const reports = await Promise.all(Object.values(ways).map((words) => doctor(words, env)));
    expect(reports.map(({ exitCode, wrong }) => [exitCode, wrong])).toEqual(
      Object.keys(ways).map((id) => [1, [id]]),
    );
    for (const [i, id] of Object.keys(ways).entries())
      expect(reports[i]?.of(id)).toMatchObject([{ fix: expect.stringMatching(/^\S/) as string }]);
  });

  it('reports each fault of a host', async () => {
    await stack.onHost(
      'mv /usr/bin/flock /root/flock; echo "MaxSessions 2" >>/etc/sandbox/sshd_config; mkdir -p /var/lib/chandler; head -c 300M /dev/zero >/var/lib/filler 2>/dev/null || :',
    );
    await sandboxSshd(stack.host, 'stop');
    await sandboxSshd(stack.host, 'start');
    const report = await doctor(pinned, env);
    expect(report).toMatchObject({ exitCode: 1, wrong: ['host-tools', 'host-disk'] });
    expect(report.of('host-tools')).toMatchObject([{ fix: 'apt-get install -y util-linux' }]);
    expect(report.of('host-sessions')).toMatchObject([
      { verdict: 'warning', message: expect.stringMatching(/^2 of 6/) as string },
    ]);
    await stack.onHost(
      'rm -r /var/lib/filler /var/lib/chandler && mv /root/flock /usr/bin/flock && sed -i /MaxSessions.2/d /etc/sandbox/sshd_config',
    );
    await sandboxSshd(stack.host, 'stop');
    await sandboxSshd(stack.host, 'start');
  });

  it('reports a readable key and junk in known_hosts on the machine of the worker', async () => {
    const loose = join(stack.secretsDir, 'id_test');
    const known = await readFile(stack.host.knownHosts, 'utf8');
    await chmod(loose, 0o644);
    await writeFile(stack.host.knownHosts, `${known}junk\n`);
    const report = await doctor([], env);
    expect(report).toMatchObject({ exitCode: 1, wrong: ['key'] });
    expect(report.of('key')).toMatchObject([{ about: 'worker', fix: `chmod go-rwx ${loose}` }]);
    expect(report.of('known-hosts')).toMatchObject([{ verdict: 'warning' }]);
    // The worker and the key are on this machine.
    const fixed = await doctor(['--fix'], env);
    expect(fixed).toMatchObject({ exitCode: 0, wrong: [] });
    await writeFile(stack.host.knownHosts, known);
  });

  describe('diff', () => {
    const plan = (changes: object = {}) =>
      stringify({
        name: 'web',
        target: stack.target(),
        zmx: { source: 'tmux' },
        steps: [
          { name: 'one', script: 'echo >/root/one', check: 'test -e /root/one', finalize: 'true' },
          {
            name: 'two',
            needs: ['one'],
            script: 'true',
            env: { WORD: "it's" },
            secrets: { TOKEN: 'file:token' },
            check: 'test "$WORD $TOKEN" = "it\'s hush-hush" && test -e /root/ready',
          },
        ],
        ...changes,
      });
    const diff = async (text: string, args: readonly string[] = []) => {
      const { exitCode, stdout, stderr } = await chandler(['diff', '-', '--json', ...args], env, text);
      // On a busy machine, a worker may answer late.
      expect(stderr.replace(/^No worker answers .*\n/, '')).toBe('');
      const [first] = JSON.parse(stdout) as Diff[];
      const would = Object.fromEntries(
        first!.rows.map((row) => [row.name === undefined ? row.kind : `${row.kind} ${row.name}`, row.would]),
      );
      return { exitCode, would, ...first! };
    };
    beforeAll(() => addSecret(stack, 'token', 'hush-hush'));

    it('reports what a run would do, before and after one and for a changed plan, without changing anything', async () => {
      const before = await snapshot();
      const fresh = await diff(plan());
      expect(fresh).toMatchObject({
        exitCode: 0,
        outcome: 'would-run',
        message: 'a run would run 2 of 2 steps and 1 finalizer',
        would: { zmx: 'do', 'step one': 'do', 'step two': 'do', 'finalizer one': 'do', sentinel: 'do' },
      });
      expect(await snapshot()).toBe(before);
      await stack.onHost('touch /root/ready');
      const ready = await diff(plan(), ['--exit-code']);
      expect(ready).toMatchObject({ exitCode: 1, would: { 'step one': 'do', 'step two': 'keep' } });

      const done = await chandler(['up', '-'], env, plan());
      expect(done).toMatchObject({ exitCode: 0 });
      const after = await snapshot();
      expect(await diff(plan(), ['--exit-code'])).toMatchObject({
        exitCode: 0,
        outcome: 'nothing-to-do',
        would: { 'step one': 'keep', 'step two': 'keep' },
      });
      const changed = plan({ steps: [{ name: 'three', script: 'true', check: 'test -e /root/three' }] });
      expect(await diff(changed)).toMatchObject({
        exitCode: 0,
        outcome: 'would-run',
        would: { zmx: 'keep', 'step three': 'do', sentinel: 'do' },
      });
      expect(await snapshot()).toBe(after);

      await stack.onHost('rm /root/one');
      const drifted = { outcome: 'drifted', would: { 'step one': 'drift', 'step two': 'keep' } };
      expect(await diff(plan(), ['--exit-code'])).toMatchObject({ exitCode: 1, ...drifted });
      expect(await diff(plan())).toMatchObject({ exitCode: 0, ...drifted });
    });

    it('reports a run at work, the missing secret of a step, and a host that it cannot inspect', async () => {
      const name = 'sleeper';
      const id = await stack.start({
        steps: [{ name, script: 'exec sleep 1000' }],
        sentinel: { whenPresent: 'ignore' },
      });
      await stack.until(id, ({ steps }) => steps[0]?.state === 'running', 'it runs');
      expect(await diff(plan())).toMatchObject({
        exitCode: 1,
        outcome: 'would-fail',
        message: expect.stringContaining(id) as string,
      });
      const held = await doctor(pinned, env);
      expect(held.of('host-lease')).toMatchObject([
        { verdict: 'warning', message: expect.stringContaining(id) as string },
      ]);
      await stack.client.abort(id);
      await stack.client.result(id);

      const lacks = plan({ steps: [{ name: 'a', script: 'x', secrets: { T: 'file:gone' } }] });
      expect(await diff(lacks)).toMatchObject({
        exitCode: 1,
        outcome: 'would-fail',
        would: { 'step a': 'fail' },
      });
      const elsewhere = await diff(plan(), ['127.0.0.1:1']);
      expect(elsewhere).toMatchObject({ exitCode: 1, outcome: 'unknown' });
      expect(elsewhere.message).toContain('host-unreachable');
    });

    it('counts the finished steps of a self-provisioning host as done', async () => {
      await stack.onHost('rm -rf /var/lib/chandler /root/ready');
      const steps = [
        { name: 'good', script: 'true', finalize: 'true' },
        { name: 'bad', script: 'exit 3', check: 'test -e /root/ready' },
      ];
      const text = script(steps, { zmx: { source: 'tmux' } });
      const { code } = await sandboxExec(stack.host, ['sh', '-s'], { stdin: text });
      expect(code).toBe(1);
      const before = await snapshot();
      expect(await diff(plan({ steps }))).toMatchObject({
        exitCode: 0,
        would: { 'step good': 'keep', 'step bad': 'do', 'finalizer good': 'do' },
      });
      // Nothing of another plan is done.
      const other = plan({ steps: [...steps, { name: 'more', script: 'true' }] });
      expect((await diff(other)).would).toMatchObject({ 'step good': 'do' });
      expect((await doctor(pinned, env)).wrong).toEqual(['host-script']);
      expect(await snapshot()).toBe(before);
    });

    it('refuses an invalid plan in the client and in the workflow', async () => {
      const bad = await chandler(['diff', '-'], env, plan({ colour: 'red' }));
      expect(bad).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('colour') as string });
      const handle = await stack.client.temporal.workflow.start('inspectHost', {
        workflowId: `inspect-bad-${stack.taskQueue}`,
        taskQueue: stack.taskQueue,
        args: [{ plan: { colour: 'red' } }],
      });
      await expect(handle.result()).rejects.toMatchObject({ cause: { type: 'invalid-input' } });
    });
  });
});

describe('on a host with only busybox', () => {
  let host: TestHost;
  let stack: Stack;
  beforeAll(async () => {
    [stack, host] = await Promise.all([startStack(), startHost()]);
    await stripToBusybox(host);
  });
  afterAll(() => Promise.all([stack?.stop(), host?.stop()]));

  it('diff runs the checks like a run, and leaves nothing behind', async () => {
    const env = { TEMPORAL_ADDRESS: stack.address, CHANDLER_TASK_QUEUE: stack.taskQueue };
    const { knownHosts, identity, hostKey, port } = host;
    expect(knownHosts).not.toBe(stack.host.knownHosts);
    await addSecret(stack, 'id_busybox', await readFile(identity, 'utf8'));
    const text = stringify({
      target: { host: '127.0.0.1', port, hostKey, identity: 'id_busybox' },
      steps: [
        { name: 'yes', script: 'x', check: 'test "$A" = b', env: { A: 'b' } },
        { name: 'no', script: 'x', check: 'exit 3' },
      ],
    });
    const list = async () =>
      (
        await sandboxExec(host, [
          '/bin/busybox',
          'sh',
          '-c',
          'find /var/lib /root /run/chandler /tmp 2>/dev/null | sort',
        ])
      ).stdout;
    const before = await list();
    const { exitCode, stdout } = await chandler(['diff', '-'], env, text);
    expect(stdout).toMatch(/= keep +step yes/);
    expect(stdout).toMatch(/\+ do +step no .*exit 3/);
    expect(exitCode).toBe(0);
    expect(await list()).toBe(before);
  });
});
