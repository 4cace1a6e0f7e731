import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connect, type ChandlerClient } from '../../src/client.ts';
import { chandler, type Ended } from '../support/chandler.ts';
import { startHost, type TestHost } from '../support/hosts.ts';
import { problemsOf } from '../support/output-schema.ts';
import { poll } from '../support/poll.ts';
import { startStack, type Stack } from '../support/stack.ts';

/** One that would end the query, were it not quoted. */
const fleet = `batch ' ${randomUUID()}`;

let home: string;
let stack: Stack;
let second: TestHost;
let elsewhere: ChandlerClient;
/** Two runs with parked steps, each on a host of its own, and one that no worker serves. */
let ids: { first: string; second: string; orphan: string };

const use = (...args: string[]): Promise<Ended> =>
  chandler(args, { home, env: { TEMPORAL_ADDRESS: stack.address, CHANDLER_TASK_QUEUE: stack.taskQueue } });
const sorted = (text: string) => text.trimEnd().split('\n').toSorted();
const parked = (id: string) =>
  stack.until(
    id,
    ({ steps }) => steps.every(({ state }) => state === 'parked' || state === 'running'),
    'the steps are parked',
  );

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'chandler-batch-'));
  [stack, second] = await Promise.all([startStack(), startHost()]);
  elsewhere = await connect({ address: stack.address, taskQueue: randomUUID() });
  const steps = [
    { name: 'mirror', script: 'test "$MIRROR" = here' },
    { name: 'disk', script: 'test -e /tmp/disk-is-mended' },
    { name: 'slow', script: 'echo still at it; sleep 900' },
  ];
  const plan = { fleet, zmx: { source: 'tmux' as const }, steps };
  const other = stack.target({ port: second.port, hostKey: second.hostKey, identity: 'id_second' });
  await writeFile(join(stack.secretsDir, 'id_second'), await readFile(second.identity), { mode: 0o600 });
  ids = {
    first: await stack.start(plan),
    second: await stack.start({ ...plan, target: other }),
    orphan: (await elsewhere.start({ ...plan, target: other }, { workflowId: `test:${randomUUID()}` }))
      .workflowId,
  };
  await Promise.all([parked(ids.first), parked(ids.second)]);
});
afterAll(async () => {
  for (const id of Object.values(ids))
    await elsewhere.temporal.workflow
      .getHandle(id)
      .terminate()
      // One that is over cannot be ended.
      .catch(() => undefined);
  await Promise.all([
    elsewhere.close(),
    stack.stop(),
    second.stop(),
    rm(home, { recursive: true, force: true }),
  ]);
});

test('a dry run says what would be sent to whom, and sends nothing', async () => {
  const { exitCode, stdout, stderr } = await use('retry', '--fleet', fleet, '--dry-run');
  expect(sorted(stdout)).toEqual(
    [ids.first, ids.second].map((id) => `${id}: retry mirror, disk: would be sent`).toSorted(),
  );
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '2 runs: 2 would be sent to\n' });
  expect((await stack.client.status(ids.first)).interventions).toEqual([]);
});

test('the runs of a fleet are listed, and that there are none is said', async () => {
  const listed = await use('status', '--fleet', fleet, '--json');
  const found = (JSON.parse(listed.stdout) as { id: string }[]).map(({ id }) => id);
  expect(found.toSorted()).toEqual([ids.first, ids.second].toSorted());
  const none = await use('status', '--fleet', `${fleet}\\`, '--query', 'ChandlerAttention = true');
  expect(none).toMatchObject({ exitCode: 0, stdout: '' });
  expect(none.stderr).toMatch(/^No run is found by: ChandlerFleet = /);
});

test('an order goes to every run that a query finds; one without a worker is told, and holds up nobody', async () => {
  const query = `WorkflowId IN (${Object.values(ids)
    .map((id) => `"${id}"`)
    .join()})`;
  const line = ['retry', '--query', query, '--step', 'mirror', '--env', 'MIRROR=here', '--request-id', 'r1'];
  const { exitCode, stdout, stderr } = await use(...line);
  expect(sorted(stdout)).toEqual(
    [
      `${ids.first}: retry mirror: taken`,
      `${ids.second}: retry mirror: taken`,
      `${ids.orphan}: retry: not taken: no worker answers`,
    ].toSorted(),
  );
  expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: '3 runs: 2 taken, 1 not taken\n' });
  for (const id of [ids.first, ids.second]) {
    const { interventions } = await stack.until(
      id,
      ({ steps }) => steps[0]?.state === 'succeeded',
      'it is retried',
    );
    expect(interventions).toMatchObject([{ action: 'retryStep', step: 'mirror', env: ['MIRROR'] }]);
    expect(interventions[0]?.by).toMatch(/^\S+@\S+$/);
  }
});

test('what is to be skipped in many runs wants --yes; each run answers with a line of JSON', async () => {
  const line = ['skip', '--fleet', fleet, '--step', 'disk', '--reason', 'by hand', '--json'];
  expect(await use(...line)).toMatchObject({ exitCode: 2, stdout: '' });
  const { exitCode, stdout } = await use(...line, '--yes');
  const answers = sorted(stdout);
  expect(answers.flatMap((answer) => problemsOf('order', answer))).toEqual([]);
  expect(answers.map((answer) => JSON.parse(answer) as unknown)).toMatchObject([
    { action: 'skip', steps: ['disk'], outcome: 'taken' },
    { action: 'skip', steps: ['disk'], outcome: 'taken' },
  ]);
  expect(exitCode).toBe(0);
  const again = await use(...line, '--yes');
  expect(again.exitCode).toBe(0);
  expect(again.stdout.match(/"nothing-to-do","reason":"nothing is parked"/g)).toHaveLength(2);
});

test('extend, pause and resume take a fleet, too', async () => {
  const extended = await use('extend', '10m', '--fleet', fleet);
  expect(sorted(extended.stdout)).toEqual(
    [ids.first, ids.second].map((id) => `${id}: extend slow: taken`).toSorted(),
  );
  expect((await stack.client.status(ids.first)).steps[2]?.extendedByMs).toBe(600_000);
  expect(await use('pause', '--fleet', fleet)).toMatchObject({ exitCode: 0 });
  const again = await use('pause', '--fleet', fleet);
  expect(again.stdout).toContain(`${ids.first}: pause: not taken: the run is paused already`);
  expect(again.exitCode).toBe(1);
  expect(await use('resume', '--fleet', fleet)).toMatchObject({ exitCode: 0, stderr: '2 runs: 2 taken\n' });
});

test('one run takes each order by its id', async () => {
  expect(await use('extend', ids.first, 'slow', '1m')).toMatchObject({
    exitCode: 0,
    stdout: 'slow has 1m more\n',
  });
  expect(await use('retry', ids.first, 'mirror', '--reset-downstream', '--env', 'MIRROR=here', '-q')).toEqual(
    {
      exitCode: 0,
      stdout: 'mirror runs again\n',
      stderr: '',
    },
  );
  expect(await use('retry', ids.first, 'slow')).toMatchObject({
    exitCode: 2,
    stderr: 'slow is running, not parked\n',
  });
  expect(await use('retry', ids.first, 'slow', '--env', 'ZMX_DIR=x')).toMatchObject({ exitCode: 2 });
  for (const [words, asked] of [
    [[], /^which run\? /],
    [[ids.first], /^which step\? /],
  ] as const)
    expect(await use('retry', ...words)).toEqual({
      exitCode: 2,
      stdout: '',
      stderr: expect.stringMatching(asked),
    });
});

test('a query that is none is told in a line, with what the server says of it', async () => {
  for (const query of ['Chandler = 1', 'this is none']) {
    const { exitCode, stdout, stderr } = await use('abort', '--query', query, '--yes');
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toMatch(/^the Temporal server refuses the request: invalid query: [^\n]+\n$/);
  }
});

test('what --json prints fits the published schema', async () => {
  const plan = join(home, 'plan.yaml');
  await writeFile(plan, 'target: {host: a}\nsteps: [{name: a, script: x}]\n');
  await writeFile(join(home, 'bad.yaml'), 'target: {host: a}\nsteps: []\nfoo: 1\n');
  const lines = [
    ['run', ['status', ids.first, '--json']],
    ['runs', ['status', '--json']],
    ['logChunk', ['logs', ids.first, 'mirror', '--json', '--generation', '1']],
    ['validation', ['validate', plan, '--json']],
    ['validation', ['validate', join(home, 'bad.yaml'), '--json']],
    ['sandboxHosts', ['sandbox', 'list', '--json']],
    ['version', ['version', '--json']],
  ] as const;
  for (const [name, line] of lines) {
    const { stdout } = await use(...line);
    expect({
      line,
      problems: problemsOf(name, stdout || '{"generation":1,"text":"","nextOffset":0}'),
    }).toEqual({ line, problems: [] });
  }
  const wrong = [
    ['status', 'nobody', '--json'],
    ['validate', 'nowhere.yaml', '--json'],
    ['status', '--json', '--nonsense'],
    ['logs', ids.first, 'nothing', '--json'],
  ];
  for (const line of wrong) {
    const { exitCode, stdout, stderr } = await use(...line);
    expect(problemsOf('error', stderr)).toEqual([]);
    expect(JSON.parse(stderr)).toMatchObject({ error: { exitCode } });
    expect(stdout).toBe('');
  }
});

test('status tells what a step that runs has printed last', async () => {
  const seen = async () => /slow +▶ running .*still at it/.test((await use('status', ids.first)).stdout);
  await poll(seen, 'its last line');
  expect(await use('status', '--watch')).toMatchObject({
    exitCode: 2,
    stderr: expect.stringContaining('ID'),
  });
});

test('status can exit with the code of the run, and verbose tells each request', async () => {
  expect(await use('status', ids.first, '--exit-code')).toMatchObject({ exitCode: 0 });
  const { stderr } = await use('status', ids.first, '--verbose');
  expect(stderr).toContain(`· the Temporal server is ${stack.address} (TEMPORAL_ADDRESS)\n`);
  expect(stderr).toMatch(/· QueryWorkflow: ok, \d+ ms\n/);
});

test('a fleet is aborted once somebody says yes', async () => {
  const followed = use('status', ids.first, '--watch', '--json');
  expect(await use('abort', '--fleet', fleet, '--yes')).toMatchObject({
    exitCode: 0,
    stderr: '2 runs: 2 taken\n',
  });
  for (const id of [ids.first, ids.second]) expect((await stack.client.result(id)).outcome).toBe('aborted');
  const { exitCode, stdout } = await followed;
  expect(exitCode).toBe(4);
  expect(sorted(stdout).flatMap((line) => problemsOf('change', line))).toEqual([]);
  const over = await use('status', ids.first, '--json', '--exit-code');
  expect(over.exitCode).toBe(4);
  expect(problemsOf('run', over.stdout)).toEqual([]);
});
