import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import type { SandboxHost } from '../../src/dev/sandbox/index.ts';
import { chandler, type Ended } from '../support/chandler.ts';
import { startHosts } from '../support/hosts.ts';
import { sandboxExec } from '../support/sandbox-control.ts';
import { problemsOf } from '../support/schemas.ts';
import { startStack, type Stack } from '../support/stack.ts';

let stack: Stack;
let others: readonly SandboxHost[];
let stopOthers: () => Promise<void>;
let dir: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'chandler-hosts-test-'));
  let started;
  [stack, started] = await Promise.all([startStack({ workers: 0 }), startHosts(2)]);
  others = started.hosts;
  stopOthers = started.stop;
  for (const host of others) await copyFile(host.identity, join(stack.secretsDir, `id_${host.name}`));
  const known = [stack.host, ...others].map((host) => host.knownHosts);
  await stack.startWorker({ CHANDLER_KNOWN_HOSTS: known.join(':') });
});
afterAll(async () => {
  await stack?.stop();
  await stopOthers?.();
  await rm(dir, { recursive: true, force: true });
});

const sorted = (text: string) => text.trimEnd().split('\n').toSorted();

async function write(name: string, text: string): Promise<string> {
  await writeFile(join(dir, name), text);
  return join(dir, name);
}

const run = (...args: string[]): Promise<Ended> =>
  chandler(args, {
    home: dir,
    env: { TEMPORAL_ADDRESS: stack.address, CHANDLER_TASK_QUEUE: stack.taskQueue },
  });

const hosts = () => [stack.host, others[0]!];
const identityOf = (host: SandboxHost) => (host === stack.host ? 'id_test' : `id_${host.name}`);

/** An inventory of two hosts and of one that refuses connections. */
const inventory = () =>
  write(
    'hosts.yaml',
    [
      'target: { host: 127.0.0.1, user: root }',
      'groups:',
      '  good: { hosts: [one, two], env: { GREETING: hello } }',
      '  bad: { hosts: [closed] }',
      'hosts:',
      ...hosts().map(
        (host, i) =>
          `  ${['one', 'two'][i]}: { env: { WHO: ${['first', 'second'][i]} }, target: { port: ${host.port}, identity: ${identityOf(host)}, hostKey: '${host.hostKey}' } }`,
      ),
      '  closed: { target: { port: 9, identity: id_test, connectTimeout: 2s } }',
    ].join('\n'),
  );

const plan = () =>
  write(
    'plan.yaml',
    'onStepFailure: fail\nrequired: [WHO]\nenv: { WHO: nobody, GREETING: bye }\nsteps: [{ name: greet, script: \'echo "$GREETING $WHO" > /root/greeting\', check: test -e /root/greeting }]\n',
  );

describe('a plan on the hosts of an inventory', () => {
  it('runs with the values of each host, and a failure of one does not stop the others', async () => {
    const args = [await plan(), '--hosts', await inventory()];
    const reports = ['--report', `junit=${dir}/hosts.xml`, '--report', `markdown=${dir}/hosts.md`];
    const { exitCode, stdout, stderr } = await run('up', ...args, ...reports);
    expect(exitCode).toBe(1);
    const [junit, markdown] = await Promise.all(
      ['hosts.xml', 'hosts.md'].map((name) => readFile(join(dir, name), 'utf8')),
    );
    const suites = junit!.matchAll(/<testsuite name="[^"]*\b(\w+)" tests="\d" .*(errors="\d")/g);
    expect(Array.from(suites, ([, name, errors]) => `${name} ${errors}`)).toEqual([
      'one errors="0"',
      'two errors="0"',
      'closed errors="1"',
    ]);
    expect(markdown!.match(/^## .*/gm)).toEqual(['## one', '## two', '## closed']);
    expect(stdout.split('\n').toSorted().slice(1)).toEqual([
      expect.stringMatching(/^closed {2}The run failed \(.*/),
      expect.stringMatching(/^one {5}.* is provisioned in /),
      expect.stringMatching(/^two {5}.* is provisioned in /),
    ]);
    expect(stderr).toContain('3 hosts, 3 at once\n');
    expect((await stack.client.fleets.result('plan')).outcome).toBe('incomplete');
    expect(stderr).toMatch(/^one {2}.*greet/m);
    const [first, second] = await Promise.all(
      hosts().map((host) => sandboxExec(host, ['cat', '/root/greeting'])),
    );
    expect([first?.stdout, second?.stdout]).toEqual(['hello first\n', 'hello second\n']);

    const again = await run('up', ...args, '--limit', 'good:!two', '--json');
    expect(again.exitCode).toBe(0);
    expect(problemsOf('hostOutcome', again.stdout)).toEqual([]);
    expect(JSON.parse(again.stdout)).toMatchObject({
      name: 'one',
      id: `provision:127.0.0.1:${stack.host.port}`,
      exitCode: 0,
    });
    expect(again.stderr).toContain('1 of 3 hosts match --limit good:!two\n');
  });

  it('is compared with each of them by diff and drift, and inspected by doctor', async () => {
    const args = [await plan(), '--hosts', await inventory(), '--json'];
    const parse = ({ stdout }: Ended) => {
      for (const line of stdout.trim().split('\n')) expect(problemsOf('hostOutcome', line)).toEqual([]);
      return Object.fromEntries(
        stdout
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line) as { name: string; exitCode: number })
          .map((outcome) => [outcome.name, outcome]),
      );
    };
    const [drift, diff, doctor] = await Promise.all([
      run('drift', ...args),
      run('diff', ...args),
      run('doctor', ...args),
    ]);
    expect(parse(drift)).toMatchObject({
      one: { exitCode: 0, drift: { drifted: false } },
      two: { exitCode: 0 },
      closed: { exitCode: 1 },
    });
    expect(parse(diff)).toMatchObject({
      one: { exitCode: 0, diff: { outcome: 'nothing-to-do' } },
      closed: { exitCode: 1, diff: { outcome: 'unknown' } },
    });
    expect(parse(doctor)).toMatchObject({ one: { exitCode: 0 }, closed: { exitCode: 1, findings: {} } });
    expect([drift.exitCode, diff.exitCode, doctor.exitCode]).toEqual([1, 1, 1]);
  });

  it('is not started on any host if the plan is wrong for one', async () => {
    const lacking = await write(
      'lacking.yaml',
      'required: [ONLY]\nsteps: [{ name: a, script: touch /root/never }]\n',
    );
    const one = await write(
      'one.yaml',
      (await readFile(await inventory(), 'utf8')).replace('WHO: first', 'ONLY: x'),
    );
    const { exitCode, stdout, stderr } = await run('start', lacking, '--hosts', one);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toContain('ONLY has no value');
    expect(stderr).toContain('(for two, closed)');
    const { code } = await sandboxExec(stack.host, ['test', '-e', '/root/never']);
    expect(code).toBe(1);
  });

  it('is started on each of them, and none is followed', async () => {
    const args = ['start', await plan(), '--hosts', await inventory(), '--limit', 'good', '--json'];
    const { exitCode, stdout } = await run(...args);
    expect(exitCode).toBe(0);
    const lines = sorted(stdout);
    for (const line of lines) expect(problemsOf('hostOutcome', line)).toEqual([]);
    const ids = hosts().map(({ port }) => `provision:127.0.0.1:${port}`);
    expect(lines.map((line) => JSON.parse(line) as object)).toMatchObject([
      { name: 'one', exitCode: 0, id: ids[0] },
      { name: 'two', exitCode: 0, id: ids[1] },
    ]);
    for (const id of ids) expect((await stack.client.result(id)).outcome).toMatch(/provisioned/);
  });
});

describe('the configuration of ssh', () => {
  it('leads a run through two jump hosts, by an alias', async () => {
    const [outer, inner] = others;
    const block = (alias: string, host: SandboxHost, jump: string) =>
      [
        `Host ${alias}`,
        '  HostName 127.0.0.1',
        `  Port ${host.port}`,
        `  IdentityFile ~/.ssh/${identityOf(host)}`,
        `  ProxyJump ${jump}`,
      ].join('\n');
    const config = await write(
      'ssh_config',
      [
        block('web1', stack.host, 'inner'),
        block('inner', inner!, 'outer'),
        block('outer', outer!, 'none'),
      ].join('\n'),
    );
    const way = await write(
      'way.yaml',
      'name: way\ntarget: { host: web1, user: root }\nsteps: [{ name: way, script: \'echo "$SSH_CONNECTION" > /root/way\' }]\n',
    );
    const report = join(dir, 'way.md');
    const { exitCode, stderr } = await run(
      'up',
      way,
      '--ssh-config',
      config,
      '--report',
      `markdown=${report}`,
    );
    expect(await readFile(report, 'utf8')).toMatch(/^## .*\n\n[^]*provisioned/);
    expect(stderr).toContain(
      `ssh_config: web1 is root@127.0.0.1:${stack.host.port} with the key id_test, through root@127.0.0.1:${outer!.port}, root@127.0.0.1:${inner!.port}\n`,
    );
    expect(exitCode).toBe(0);
    const status = await stack.client.host(`provision:127.0.0.1:${stack.host.port}`);
    expect(status?.target.jump?.map(({ port, identity }) => [port, identity])).toEqual([
      [outer!.port, identityOf(outer!)],
      [inner!.port, identityOf(inner!)],
    ]);
    for (const host of others)
      expect(readFileSync(`${host.root}/var/log/sshd.log`, 'utf8')).toContain('Accepted publickey');
    // Only the last one is provisioned.
    for (const host of others) {
      const { code } = await sandboxExec(host, ['test', '-e', '/root/way']);
      expect(code).toBe(1);
    }
  });
});

test('Ctrl-C leaves the hosts that have not begun to the fleet', async () => {
  const waiting = await write(
    'waiting.yaml',
    'target: { host: 127.0.0.1, user: root, connectTimeout: 1h, identity: id_test }\nhosts:\n  first: { target: { port: 9 } }\n  second: { target: { port: 10 } }\n',
  );
  const args = [
    'up',
    await plan(),
    '--hosts',
    waiting,
    '--parallel',
    '1',
    '--set',
    'WHO=x',
    '--name',
    'later',
  ];
  const { exitCode, stdout, stderr } = await chandler(args, {
    home: dir,
    env: { TEMPORAL_ADDRESS: stack.address, CHANDLER_TASK_QUEUE: stack.taskQueue },
    interrupt: /connecting/,
  });
  expect({ exitCode, stdout }).toEqual({
    exitCode: 130,
    stdout:
      'first   Stopped following; the run continues.\nsecond  Stopped following; the fleet starts its run later.\n',
  });
  expect(stderr).toContain('The fleet later continues. Follow it: chandler fleet watch later\n');
  await stack.client.abort('provision:127.0.0.1:9');
  await stack.until(
    'provision:127.0.0.1:10',
    ({ trouble }) => trouble !== undefined,
    'the second host begins',
  );
  const refused = await run(...args);
  expect(refused).toMatchObject({
    exitCode: 1,
    stderr: expect.stringContaining('fleet watch later') as string,
  });
  await stack.client.fleets.act('later', 'abort', { running: 'end' });
  expect((await stack.client.fleets.result('later')).outcome).toBe('aborted');
});

test('follows more than ten hosts at once without a warning of Node.js', async () => {
  const names = Array.from({ length: 12 }, (_, i) => `node-${i}`);
  const many = await write(
    'many.yaml',
    [
      'target: { host: 127.0.0.1, user: root, connectTimeout: 1h, identity: id_test }',
      'hosts:',
      ...names.map((name, i) => `  ${name}: { target: { port: ${20 + i} } }`),
    ].join('\n'),
  );
  const { exitCode, stderr } = await chandler(
    ['up', await plan(), '--hosts', many, '--parallel', '12', '--set', 'WHO=x', '--name', 'many'],
    {
      home: dir,
      env: { TEMPORAL_ADDRESS: stack.address, CHANDLER_TASK_QUEUE: stack.taskQueue },
      interrupt: /connecting/,
    },
  );
  expect(exitCode).toBe(130);
  expect(stderr).not.toContain('MaxListenersExceededWarning');
  await stack.client.fleets.act('many', 'abort', { running: 'end' });
  expect((await stack.client.fleets.result('many')).outcome).toBe('aborted');
});
