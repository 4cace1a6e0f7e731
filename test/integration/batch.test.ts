import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connect, type ChandlerClient } from '../../src/client.ts';
import { chandler, type Ended } from '../support/chandler.ts';
import { startHost, type TestHost } from '../support/hosts.ts';
import { problemsOf } from '../support/schemas.ts';
import { poll } from '../support/poll.ts';
import { startStack, type Stack } from '../support/stack.ts';

/** Its quotation mark must be escaped in queries. */
const fleet = `batch ' ${randomUUID()}`;

let home: string;
let stack: Stack;
let second: TestHost;
let elsewhere: ChandlerClient;
/** Two runs with parked steps, each on its own host, and one that no worker serves. */
let ids: { first: string; second: string; orphan: string };

const cli = (...args: string[]): Promise<Ended> =>
  chandler(args, { home, env: { TEMPORAL_ADDRESS: stack.address, CHANDLER_TASK_QUEUE: stack.taskQueue } });
const sorted = (text: string) => text.trimEnd().split('\n').toSorted();
const parked = (id: string) =>
  stack.until(
    id,
    ({ steps }) => steps.every(({ name, state }) => state === (name === 'slow' ? 'running' : 'parked')),
    'all steps but the slow one are parked',
  );

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'chandler-batch-'));
  [stack, second] = await Promise.all([startStack(), startHost()]);
  elsewhere = await connect({ address: stack.address, taskQueue: randomUUID() });
  const steps = [
    { name: 'mirror', script: 'test "$MIRROR" = here' },
    { name: 'disk', script: 'test -e /tmp/disk-is-fixed' },
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
      // A run that has ended cannot be terminated.
      .catch(() => undefined);
  await Promise.all([
    elsewhere.close(),
    stack.stop(),
    second.stop(),
    rm(home, { recursive: true, force: true }),
  ]);
});

test('--dry-run reports the actions for each run without sending them', async () => {
  const { exitCode, stdout, stderr } = await cli('retry', '--fleet', fleet, '--dry-run');
  expect(sorted(stdout)).toEqual(
    [ids.first, ids.second].map((id) => `${id}: retry mirror, disk: would be sent`).toSorted(),
  );
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '2 runs: 2 would be sent to\n' });
  expect((await stack.client.status(ids.first)).auditTrail).toEqual([]);
});

test('status lists the runs of a fleet, or reports that there are none', async () => {
  const listed = await cli('status', '--fleet', fleet, '--json');
  const found = (JSON.parse(listed.stdout) as { id: string }[]).map(({ id }) => id);
  expect(found.toSorted()).toEqual([ids.first, ids.second].toSorted());
  const none = await cli('status', '--fleet', `${fleet}\\`, '--query', 'ChandlerAttention = true');
  expect(none).toMatchObject({ exitCode: 0, stdout: '' });
  expect(none.stderr).toMatch(/^No run is found by: ChandlerFleet = /);
});

test('an action reaches every run that a query finds, and a run without a worker is reported without delaying the others', async () => {
  const query = `WorkflowId IN (${Object.values(ids)
    .map((id) => `"${id}"`)
    .join()})`;
  const line = ['retry', '--query', query, '--step', 'mirror', '--env', 'MIRROR=here', '--request-id', 'r1'];
  const { exitCode, stdout, stderr } = await cli(...line);
  expect(sorted(stdout)).toEqual(
    [
      `${ids.first}: retry mirror: accepted`,
      `${ids.second}: retry mirror: accepted`,
      `${ids.orphan}: retry: refused: no worker answers`,
    ].toSorted(),
  );
  expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: '3 runs: 2 accepted, 1 refused\n' });
  for (const id of [ids.first, ids.second]) {
    const { auditTrail } = await stack.until(
      id,
      ({ steps }) => steps[0]?.state === 'succeeded',
      'it is retried',
    );
    expect(auditTrail).toMatchObject([{ action: 'retryStep', step: 'mirror', env: ['MIRROR'] }]);
    expect(auditTrail[0]?.by).toMatch(/^\S+@\S+$/);
  }
});

test('skipping a step in many runs requires --yes, and --json prints a line for each run', async () => {
  const line = ['skip', '--fleet', fleet, '--step', 'disk', '--reason', 'by hand', '--json'];
  expect(await cli(...line)).toMatchObject({ exitCode: 2, stdout: '' });
  const { exitCode, stdout } = await cli(...line, '--yes');
  const answers = sorted(stdout);
  expect(answers.flatMap((answer) => problemsOf('actionOutcome', answer))).toEqual([]);
  expect(answers.map((answer) => JSON.parse(answer) as unknown)).toMatchObject([
    { action: 'skip', steps: ['disk'], outcome: 'accepted' },
    { action: 'skip', steps: ['disk'], outcome: 'accepted' },
  ]);
  expect(exitCode).toBe(0);
  const again = await cli(...line, '--yes');
  expect(again.exitCode).toBe(0);
  expect(again.stdout.match(/"nothing-to-do","reason":"no step is parked"/g)).toHaveLength(2);
});

test('extend, pause and resume accept --fleet', async () => {
  const extended = await cli('extend', '10m', '--fleet', fleet);
  expect(sorted(extended.stdout)).toEqual(
    [ids.first, ids.second].map((id) => `${id}: extend slow: accepted`).toSorted(),
  );
  expect((await stack.client.status(ids.first)).steps[2]?.extendedByMs).toBe(600_000);
  expect(await cli('pause', '--fleet', fleet)).toMatchObject({ exitCode: 0 });
  const again = await cli('pause', '--fleet', fleet);
  expect(again.stdout).toContain(`${ids.first}: pause: refused: the run is already paused`);
  expect(again.exitCode).toBe(1);
  expect(await cli('resume', '--fleet', fleet)).toMatchObject({
    exitCode: 0,
    stderr: '2 runs: 2 accepted\n',
  });
});

test('actions reach a single run by its id', async () => {
  expect(await cli('extend', ids.first, 'slow', '1m')).toMatchObject({
    exitCode: 0,
    stdout: 'slow has 1m more\n',
  });
  expect(await cli('retry', ids.first, 'mirror', '--reset-downstream', '--env', 'MIRROR=here', '-q')).toEqual(
    {
      exitCode: 0,
      stdout: 'mirror runs again\n',
      stderr: '',
    },
  );
  expect(await cli('retry', ids.first, 'slow')).toMatchObject({
    exitCode: 2,
    stderr: 'slow is not parked: it is still running\n',
  });
  expect(await cli('retry', ids.first, 'slow', '--env', 'ZMX_DIR=x')).toMatchObject({ exitCode: 2 });
  for (const [words, asked] of [
    [[], /^which run\? /],
    [[ids.first], /^which step\? /],
  ] as const)
    expect(await cli('retry', ...words)).toEqual({
      exitCode: 2,
      stdout: '',
      stderr: expect.stringMatching(asked),
    });
});

test("an invalid query is reported on one line with the server's explanation", async () => {
  for (const query of ['Chandler = 1', 'this is none']) {
    const { exitCode, stdout, stderr } = await cli('abort', '--query', query, '--yes');
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toMatch(/^the Temporal server refuses the request: invalid query: [^\n]+\n$/);
  }
});

test('the output of --json matches the published schema', async () => {
  const plan = join(home, 'plan.yaml');
  await writeFile(plan, 'target: {host: a}\nsteps: [{name: a, script: x}]\n');
  await writeFile(join(home, 'bad.yaml'), 'target: {host: a}\nsteps: []\nfoo: 1\n');
  const lines = [
    ['run', ['status', ids.first, '--json']],
    ['runs', ['status', '--json']],
    ['logChunk', ['logs', ids.first, 'mirror', '--json', '--attempt', '1']],
    ['validation', ['validate', plan, '--json']],
    ['validation', ['validate', join(home, 'bad.yaml'), '--json']],
    ['sandboxHosts', ['sandbox', 'list', '--json']],
    ['version', ['version', '--json']],
  ] as const;
  for (const [name, line] of lines) {
    const { stdout } = await cli(...line);
    expect({
      line,
      problems: problemsOf(name, stdout || '{"attempt":1,"text":"","nextOffset":0}'),
    }).toEqual({ line, problems: [] });
  }
  const wrong = [
    ['status', 'nobody', '--json'],
    ['validate', 'nowhere.yaml', '--json'],
    ['status', '--json', '--nonsense'],
    ['logs', ids.first, 'nothing', '--json'],
  ];
  for (const line of wrong) {
    const { exitCode, stdout, stderr } = await cli(...line);
    expect(problemsOf('error', stderr)).toEqual([]);
    expect(JSON.parse(stderr)).toMatchObject({ error: { exitCode } });
    expect(stdout).toBe('');
  }
});

test('status shows the last line that a running step printed', async () => {
  const showsLastLine = async () =>
    /slow +▶ running .*still at it/.test((await cli('status', ids.first)).stdout);
  await poll(showsLastLine, 'status shows the last line');
  expect(await cli('status', '--watch')).toMatchObject({
    exitCode: 2,
    stderr: expect.stringContaining('ID'),
  });
});

test('status --exit-code exits with the code of the run, and --verbose reports each request', async () => {
  expect(await cli('status', ids.first, '--exit-code')).toMatchObject({ exitCode: 0 });
  const { stderr } = await cli('status', ids.first, '--verbose');
  expect(stderr).toContain(`· the Temporal server is ${stack.address} (TEMPORAL_ADDRESS)\n`);
  expect(stderr).toMatch(/· QueryWorkflow: ok, \d+ ms\n/);
});

test('abort --fleet with --yes aborts every run of the fleet', async () => {
  const followed = cli('status', ids.first, '--watch', '--json');
  expect(await cli('abort', '--fleet', fleet, '--yes')).toMatchObject({
    exitCode: 0,
    stderr: '2 runs: 2 accepted\n',
  });
  for (const id of [ids.first, ids.second]) expect((await stack.client.result(id)).outcome).toBe('aborted');
  const { exitCode, stdout } = await followed;
  expect(exitCode).toBe(4);
  expect(sorted(stdout).flatMap((line) => problemsOf('change', line))).toEqual([]);
  const over = await cli('status', ids.first, '--json', '--exit-code');
  expect(over.exitCode).toBe(4);
  expect(problemsOf('run', over.stdout)).toEqual([]);
});
