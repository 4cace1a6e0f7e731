import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { SandboxHost } from '../../src/dev/sandbox/index.ts';
import type { FleetStatus } from '../../src/domain/fleet/fleet-status.ts';
import type { FleetHost, FleetInput } from '../../src/domain/fleet/schema.ts';
import { chandler } from '../support/chandler.ts';
import { startHosts } from '../support/hosts.ts';
import { poll } from '../support/poll.ts';
import { sandboxExec } from '../support/sandbox-control.ts';
import { problemsOf, validateSent } from '../support/schemas.ts';
import { startStack, type Stack } from '../support/stack.ts';
import { startTmux } from '../support/tmux.ts';

let stack: Stack;
let others: readonly SandboxHost[];
let stopOthers: () => Promise<void>;
let dir: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'chandler-fleet-test-'));
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

const sandboxes = () => [stack.host, ...others];

const fleetHosts = (): FleetInput['hosts'] =>
  sandboxes().map((host, i) => ({
    name: `web${i}`,
    target: {
      host: host.host,
      port: host.port,
      hostKey: host.hostKey,
      identity: host === stack.host ? 'id_test' : `id_${host.name}`,
    },
    env: { WHO: `web${i}` },
  }));

async function until(
  name: string,
  condition: (status: FleetStatus) => boolean,
  what: string,
): Promise<FleetStatus> {
  let status: FleetStatus | undefined;
  await poll(
    async () => {
      status = await stack.client.fleets.status(name);
      const { counts } = status;
      expect(Object.values(counts).reduce((sum, each) => sum + each, 0)).toBe(status.hosts);
      return condition(status);
    },
    what,
    () => JSON.stringify(status, null, 1),
  );
  return status!;
}

const sent = (id: string) => validateSent(stack.client.temporal.workflow.getHandle(id));

it('rolls a plan out wave by wave, waits for promote, and does a step that runs once on one host', async () => {
  const { fleets } = stack.client;
  await fleets.start({
    name: 'waves',
    plan: {
      name: 'greeting',
      steps: [
        { name: 'migrate', once: true, script: 'echo "$WHO" >> /root/migrated' },
        { name: 'greet', needs: ['migrate'], script: 'echo "$WHO" >> /root/greeting' },
      ],
    },
    hosts: fleetHosts(),
    waves: [1, '100%'],
    pause: {},
  });
  const waiting = await until('waves', ({ attention }) => attention?.reason === 'promote', 'wave 1 is over');
  expect(waiting).toMatchObject({ wave: 1, counts: { done: 1, pending: 2 } });
  await fleets.act('waves', 'promote', { reason: 'the canary sings' });
  expect(await fleets.result('waves')).toMatchObject({
    outcome: 'provisioned',
    result: {
      counts: { done: 3, failed: 0 },
      auditTrail: [{ action: 'promote', reason: 'the canary sings' }],
    },
  });
  const [first, ...rest] = sandboxes();
  for (const [i, host] of sandboxes().entries())
    expect((await sandboxExec(host, ['cat', '/root/greeting'])).stdout).toBe(`web${i}\n`);
  expect((await sandboxExec(first!, ['cat', '/root/migrated'])).stdout).toBe('web0\n');
  for (const host of rest) expect((await sandboxExec(host, ['cat', '/root/migrated'])).code).not.toBe(0);
  expect(await sent('fleet:waves')).toEqual([
    { name: 'fleet', problems: [] },
    { name: 'promote', problems: [] },
  ]);
  expect(await sent(`provision:${first!.host}:${first!.port}`)).toEqual([{ name: 'plan', problems: [] }]);
});

it('finds problems of the first wave before anything changes, and rolls out from the command line', async () => {
  const write = async (name: string, text: string) => {
    await writeFile(join(dir, name), text);
    return join(dir, name);
  };
  const run = (...args: string[]) =>
    chandler(args, {
      home: dir,
      env: { TEMPORAL_ADDRESS: stack.address, CHANDLER_TASK_QUEUE: stack.taskQueue },
    });
  const hosts = (fleetHosts() as FleetHost[]).map(
    ({ name, target }) => `  ${name}: ${JSON.stringify({ target })}`,
  );
  const inventory = await write('hosts.yaml', ['hosts:', ...hosts].join('\n'));
  const closed = '  closed: { target: { host: 127.0.0.1, port: 9, identity: id_none } }';
  const wrong = await write('wrong.yaml', ['hosts:', closed, ...hosts].join('\n'));
  const plan = await write('cli.yaml', 'steps: [{ name: mark, script: touch /root/marked }]\n');
  const check = await write('check.sh', 'test -e /root/marked');

  const refused = await run('fleet', 'up', plan, '--hosts', wrong, '--waves', '2,100%');
  expect(refused.exitCode).toBe(1);
  expect(refused.stdout).toMatch(/^HOST +PROBLEM +WHAT TO DO\nclosed +.*id_none/);
  await expect(stack.client.fleets.status('cli')).rejects.toThrow('not found');

  const rollout = ['--waves', '1,100%', '--check', check, '--slow-start', '0'];
  const { exitCode, stdout } = await run('fleet', 'up', plan, '--hosts', inventory, ...rollout);
  expect(stdout).toMatch(/The fleet cli is provisioned: 3 of 3 done\n$/);
  expect(exitCode).toBe(0);
  const report = await run('fleet', 'report', 'cli', '--format', 'csv');
  expect(report.stdout.split('\n')).toHaveLength(5);
  expect(report.stdout).toMatch(/^web1,done,2,1,/m);
  expect((await run('fleet', 'promote', 'cli')).stderr).toBe('the run is over (completed)\n');
  const json = await run('fleet', 'status', 'cli', '--json');
  expect(problemsOf('fleet', json.stdout)).toEqual([]);
  expect(await sent('fleet:cli')).toEqual([{ name: 'fleet', problems: [] }]);
});

it('is followed on the whole screen, into a host and back, until it is over', async () => {
  const terminal = await startTmux({
    columns: 110,
    rows: 30,
    env: { TEMPORAL_ADDRESS: stack.address, CHANDLER_TASK_QUEUE: stack.taskQueue },
  });
  try {
    await stack.client.fleets.start({
      name: 'screen',
      plan: {
        name: 'screen',
        steps: [{ name: 'gate', script: `test "$WHO" != web1 || test -e /root/open` }],
      },
      hosts: fleetHosts(),
      maxFailures: 1,
    });
    await terminal.type(`${process.execPath} dist/cli/main.js fleet watch screen`);
    await terminal.press('Enter');
    await terminal.until(/Fleet screen \(screen\)[^]*2 of 3 done, 1 parked[^]*> provision:\S+ +⏸/);
    await terminal.press('Enter');
    await terminal.until(/NEEDS ATTENTION +gate/);
    await terminal.press('Escape');
    await terminal.until(/Fleet screen \(screen\)/);
    const parked = sandboxes()[1]!;
    await sandboxExec(parked, ['touch', '/root/open']);
    await terminal.press('r', 'y');
    const end = await terminal.until(/The fleet screen is provisioned: 3 of 3 done\n/);
    expect(end).toMatch(/Fleet screen \(screen\): provisioned/);
    expect(await terminal.modes()).toEqual({ alternate: false, cursor: true });
  } finally {
    await terminal.stop();
  }
});

it('that was terminated is reported as terminated to its followers', async () => {
  await stack.client.fleets.start({
    name: 'cut',
    plan: { name: 'cut', steps: [{ name: 'a', script: 'true' }] },
    hosts: [{ name: 'closed', target: { host: '127.0.0.1', port: 9, identity: 'id_test' } }],
  });
  await until('cut', ({ counts }) => counts.running === 1, 'the host is at work');
  const { exitCode, stderr } = await chandler(['fleet', 'watch', 'cut'], {
    home: dir,
    env: { TEMPORAL_ADDRESS: stack.address, CHANDLER_TASK_QUEUE: stack.taskQueue },
    when: {
      shows: /1 running/,
      act: () => stack.client.temporal.workflow.getHandle('fleet:cut').terminate('by a test'),
    },
  });
  await stack.client.temporal.workflow.getHandle('provision:127.0.0.1:9').terminate('by a test');
  expect({ exitCode, stderr }).toMatchObject({
    exitCode: 4,
    stderr: 'The fleet cut was terminated; the runs of its hosts continue: chandler status --fleet cut\n',
  });
});
