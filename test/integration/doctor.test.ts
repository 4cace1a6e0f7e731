import { spawn } from 'node:child_process';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import type { Diff } from '../../src/cli/diff/forecast.ts';
import { sandboxExec, sandboxSshd } from '../../src/dev/sandbox/index.ts';
import { startDevServer, type DevServer } from '../../src/dev/temporal/index.ts';
import { searchAttributes } from '../../src/domain/search-attributes.ts';
import type { Finding } from '../../src/domain/finding.ts';
import { script } from '../../src/provision/index.ts';
import { stripToBusybox } from '../support/busybox.ts';
import { startHost, type TestHost } from '../support/hosts.ts';
import { giveSecret, startStack, type Stack } from '../support/stack.ts';
import { testCli } from '../support/temporal.ts';

const cli = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
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

/** Runs the CLI with nothing of this machine's settings. */
async function chandler(args: readonly string[], env: Record<string, string> = {}, input = '') {
  const child = spawn(process.execPath, [cli, ...args], {
    env: { PATH: process.env['PATH'], HOME: home, XDG_STATE_HOME: home, ...env },
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const exitCode = await new Promise((resolve) => child.once('close', resolve));
  return { exitCode, stdout, stderr };
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
  it('without a server says so, and still what it sees here', async () => {
    const key = join(home, 'id_loose');
    await writeFile(key, '-----BEGIN OPENSSH PRIVATE KEY-----\nnothing\n');
    await chmod(key, 0o644);
    const env = { TEMPORAL_ADDRESS: '127.0.0.1:1', CHANDLER_IDENTITIES: home };
    const seen = await doctor(['root@127.0.0.1'], env);
    expect(seen).toMatchObject({ exitCode: 5, wrong: ['key', 'login', 'server'] });
    expect(seen.of('server')).toMatchObject([
      { looked: '127.0.0.1:1 (TEMPORAL_ADDRESS)', says: expect.stringContaining('ECONNREFUSED') as string },
    ]);
    expect(seen.of('host-reach')).toMatchObject([{ verdict: 'skipped', mend: 'chandler worker' }]);
    const fixed = await doctor(['--fix'], env);
    expect(fixed.of('key').filter((finding) => finding.fixed)).toHaveLength(1);
    expect(fixed).toMatchObject({ exitCode: 5, wrong: ['login', 'server'] });
  });

  it('is not kept by settings that make no sense, and refuses a target that makes none', async () => {
    const settings = await doctor([], { CHANDLER_LOG_LEVEL: 'loud' });
    expect(settings).toMatchObject({ exitCode: 1, wrong: ['settings'] });
    const bad = await chandler(['doctor', 'root@web1', '--target', 'port=99999']);
    expect(bad).toMatchObject({ exitCode: 2, stdout: '', stderr: expect.stringContaining('port') as string });
  });

  describe('with a server that lacks much, and no worker', () => {
    let server: DevServer;
    beforeAll(async () => {
      const attributes = { ChandlerHost: 'Keyword', ChandlerAttention: 'Keyword' } as const;
      server = await startDevServer({ cli: (await testCli()).path, searchAttributes: attributes });
    });
    afterAll(() => server.stop({ graceMs: 0 }));

    it('names each search attribute that is missing or of the wrong type, and makes those that are missing', async () => {
      const at = ['--address', server.address];
      const others = Object.keys(searchAttributes).filter(
        (name) => name !== 'ChandlerHost' && name !== 'ChandlerAttention',
      );
      const named = (seen: Awaited<ReturnType<typeof doctor>>, verdict: string) =>
        seen
          .of('search-attributes')
          .filter((finding) => finding.verdict === verdict && finding.looked.startsWith('Chandler'))
          .map(({ looked }) => looked)
          .sort();
      const before = await doctor(at);
      expect(before.exitCode).toBe(1);
      expect(named(before, 'problem')).toEqual([...others, 'ChandlerAttention'].sort());
      const missing = before.of('search-attributes').find(({ looked }) => looked === 'ChandlerPhase');
      expect(missing?.mend).toBe(
        `temporal --address ${server.address} --namespace default operator search-attribute create --name ChandlerPhase --type Keyword`,
      );
      const fixed = await doctor([...at, '--fix']);
      expect(named(fixed, 'ok')).toEqual(others.sort());
      const after = await doctor(at);
      expect(named(after, 'problem')).toEqual(['ChandlerAttention']);
    });

    it.concurrent('says that nobody polls the task queue, and that a namespace is not there', async () => {
      const seen = await doctor(['--address', server.address, '--task-queue', 'empty', 'root@127.0.0.1']);
      expect(seen.of('workers')).toMatchObject([
        { verdict: 'problem', mend: `chandler worker --address ${server.address} --task-queue empty` },
      ]);
      expect(seen.of('host-reach')).toMatchObject([{ verdict: 'skipped' }]);
      const nowhere = await doctor(['--address', server.address, '--namespace', 'nope']);
      expect(nowhere.of('namespace')).toMatchObject([
        { verdict: 'problem', mend: expect.stringContaining('operator namespace create') as string },
      ]);
      expect(nowhere.exitCode).toBe(1);
    });

    it.concurrent('a question that nobody takes up is withdrawn', async () => {
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

    it.concurrent('a question that workers fail at ends with what they say', async () => {
      const { connect } = await import('../../src/client.ts');
      const taskQueue = { name: 'failing' };
      const client = await connect({ address: server.address, taskQueue: taskQueue.name });
      const { workflowService: engine } = client.temporal;
      try {
        const asked = client.inspect();
        const [namespace, identity] = ['default', 'a worker'];
        const { taskToken } = await client.temporal.withDeadline(Date.now() + 10_000, () =>
          engine.pollWorkflowTaskQueue({ namespace, taskQueue, identity }),
        );
        const failure = { message: 'no such workflow\n: inspectHost' };
        await engine.respondWorkflowTaskFailed({ namespace, taskToken, identity, failure });
        await expect(asked).rejects.toMatchObject({
          code: 'no-worker',
          message: expect.stringContaining('workers fail at it (no such workflow : inspectHost)') as string,
        });
      } finally {
        await client.close();
      }
    });
  });
});

describe('with a worker and a host', () => {
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

  /** Everything on the host that a run of anything could leave behind. */
  const snapshot = () =>
    stack.onHost(
      "find /var/lib /root /home /run/chandler /tmp /etc /usr/local ! -path '/var/lib/dpkg/*' -printf '%p %T@ %m %u %s\\n' 2>/dev/null | sort | sha256sum; find /var/lib/chandler /root -type f -exec sha256sum {} + 2>/dev/null | sort",
    );

  it('all is well, the worker tells its version, and a look at a fresh host leaves nothing there', async () => {
    const before = await snapshot();
    const seen = await doctor(pinned, env);
    expect(seen).toMatchObject({ exitCode: 0, wrong: [] });
    const { version } = JSON.parse(await readFile(manifest, 'utf8')) as { version: string };
    expect(seen.of('worker-version')).toMatchObject([
      { looked: expect.stringMatching(new RegExp(`^chandler/${version} \\d+@`)) as string, verdict: 'ok' },
    ]);
    const hostIds = seen.findings.filter(({ about }) => about === 'host').map(({ id }) => id);
    expect(hostIds).toEqual(
      expect.arrayContaining(['host-login', 'host-tools', 'host-disk', 'host-sessions', 'host-clock']),
    );
    expect(await snapshot()).toBe(before);
    await stack.onHost('test ! -e /var/lib/chandler && test ! -e /run/chandler');
    const { stdout } = await chandler(['doctor', ...pinned], { ...env, NO_COLOR: '1' });
    expect(stdout).toContain('✔ ok');
    expect(stdout).not.toContain('\u001b');
  });

  it('whatever stands in the way to a host is a finding with its advice', async () => {
    const ways: Record<string, string[]> = {
      'host-reach': ['127.0.0.1:1', '--target', 'identity=id_test'],
      'host-key': [...pinned, '--target', `hostKey=SHA256:${'A'.repeat(43)}`],
      'host-login': [...pinned, '--target', 'user=nobody'],
      'host-sudo': [...pinned, '--target', 'user=app', '--target', 'become=sudo'],
      identity: [...pinned, '--target', 'identity=gone'],
    };
    const seen = await Promise.all(Object.values(ways).map((words) => doctor(words, env)));
    expect(seen.map(({ exitCode, wrong }) => [exitCode, wrong])).toEqual(
      Object.keys(ways).map((id) => [1, [id]]),
    );
    for (const [i, id] of Object.keys(ways).entries())
      expect(seen[i]?.of(id)).toMatchObject([{ mend: expect.stringMatching(/^\S/) as string }]);
  });

  it('the faults of a host are each found', async () => {
    await stack.onHost(
      'mv /usr/bin/flock /root/flock; echo "MaxSessions 2" >>/etc/sandbox/sshd_config; mkdir -p /var/lib/chandler; head -c 300M /dev/zero >/var/lib/filler 2>/dev/null || :',
    );
    await sandboxSshd(stack.host, 'stop');
    await sandboxSshd(stack.host, 'start');
    const seen = await doctor(pinned, env);
    expect(seen).toMatchObject({ exitCode: 1, wrong: ['host-tools', 'host-disk'] });
    expect(seen.of('host-tools')).toMatchObject([{ mend: 'apt-get install -y util-linux' }]);
    expect(seen.of('host-sessions')).toMatchObject([
      { verdict: 'warning', says: expect.stringMatching(/^2 of 6/) as string },
    ]);
    await stack.onHost(
      'rm -r /var/lib/filler /var/lib/chandler && mv /root/flock /usr/bin/flock && sed -i /MaxSessions.2/d /etc/sandbox/sshd_config',
    );
    await sandboxSshd(stack.host, 'stop');
    await sandboxSshd(stack.host, 'start');
  });

  it('a key that everybody may read, a passphrase, and junk in known_hosts are found where the worker is', async () => {
    const loose = join(stack.secretsDir, 'id_test');
    const known = await readFile(stack.host.knownHosts, 'utf8');
    await chmod(loose, 0o644);
    await writeFile(stack.host.knownHosts, `${known}junk\n`);
    const seen = await doctor([], env);
    expect(seen).toMatchObject({ exitCode: 1, wrong: ['key'] });
    expect(seen.of('key')).toMatchObject([{ about: 'worker', mend: `chmod go-rwx ${loose}` }]);
    expect(seen.of('known-hosts')).toMatchObject([{ verdict: 'warning' }]);
    // Worker and key are on this very machine.
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
      expect(stderr).toBe('');
      const [first] = JSON.parse(stdout) as Diff[];
      const would = Object.fromEntries(
        first!.rows.map((row) => [row.name === undefined ? row.kind : `${row.kind} ${row.name}`, row.would]),
      );
      return { exitCode, would, ...first! };
    };
    beforeAll(() => giveSecret(stack, 'token', 'hush-hush'));

    it('tells what a run would do before it, after it, and after the plan has changed; and changes nothing', async () => {
      const before = await snapshot();
      const fresh = await diff(plan());
      expect(fresh).toMatchObject({
        exitCode: 0,
        outcome: 'would-run',
        says: 'a run would run 2 of 2 steps and 1 finalizer',
        would: { zmx: 'do', 'step one': 'do', 'step two': 'do', 'finalizer one': 'do', sentinel: 'do' },
      });
      expect(await snapshot()).toBe(before);
      await stack.onHost('touch /root/ready');
      const ready = await diff(plan(), ['--exit-code']);
      expect(ready).toMatchObject({ exitCode: 1, would: { 'step one': 'do', 'step two': 'keep' } });

      const done = await chandler(['up', '-'], env, plan());
      expect(done).toMatchObject({ exitCode: 0 });
      const after = await snapshot();
      expect(await diff(plan(), ['--exit-code'])).toMatchObject({ exitCode: 0, outcome: 'nothing-to-do' });
      const changed = plan({ steps: [{ name: 'three', script: 'true', check: 'test -e /root/three' }] });
      expect(await diff(changed)).toMatchObject({
        exitCode: 0,
        outcome: 'would-run',
        would: { zmx: 'keep', 'step three': 'do', sentinel: 'do' },
      });
      expect(await snapshot()).toBe(after);
    });

    it('tells who is at work, what a step lacks, and what cannot be looked at', async () => {
      const name = 'sleeper';
      const id = await stack.start({
        steps: [{ name, script: 'exec sleep 1000' }],
        sentinel: { whenPresent: 'ignore' },
      });
      await stack.until(id, ({ steps }) => steps[0]?.state === 'running', 'it runs');
      expect(await diff(plan())).toMatchObject({
        exitCode: 1,
        outcome: 'would-fail',
        says: expect.stringContaining(id) as string,
      });
      const held = await doctor(pinned, env);
      expect(held.of('host-lease')).toMatchObject([
        { verdict: 'warning', says: expect.stringContaining(id) as string },
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
      expect(elsewhere.says).toContain('host-unreachable');
    });

    it('goes on from what the script of the host has done', async () => {
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
      // Another plan has nothing to go on from.
      const other = plan({ steps: [...steps, { name: 'more', script: 'true' }] });
      expect((await diff(other)).would).toMatchObject({ 'step good': 'do' });
      expect((await doctor(pinned, env)).wrong).toEqual(['host-script']);
      expect(await snapshot()).toBe(before);
    });

    it('a plan that makes no sense is refused before anybody is asked, by the client and by the workflow', async () => {
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

describe('on a host of busybox alone', () => {
  let host: TestHost;
  let stack: Stack;
  beforeAll(async () => {
    [stack, host] = await Promise.all([startStack(), startHost()]);
    await stripToBusybox(host);
  });
  afterAll(() => Promise.all([stack?.stop(), host?.stop()]));

  it('diff asks checks as a run does, and leaves nothing behind', async () => {
    const env = { TEMPORAL_ADDRESS: stack.address, CHANDLER_TASK_QUEUE: stack.taskQueue };
    const { knownHosts, identity, hostKey, port } = host;
    expect(knownHosts).not.toBe(stack.host.knownHosts);
    await giveSecret(stack, 'id_busybox', await readFile(identity, 'utf8'));
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
