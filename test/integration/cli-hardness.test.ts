import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { sandboxDown } from '../../src/dev/sandbox/index.ts';
import { commandsOf, idleProgram } from '../cli/fake-context.ts';
import { chandler, mapConcurrently, type ChandlerOptions, type Ended } from '../support/chandler.ts';
import { canRunHere, chandlerHere } from '../support/chandler-here.ts';
import { startFaultProxy } from '../support/fault-proxy.ts';
import { poll } from '../support/poll.ts';
import { someOf } from '../support/some-of.ts';
import { startStack, type Stack } from '../support/stack.ts';
import { testCli } from '../support/temporal.ts';

/** An invocation of a command. */
interface Use {
  /** The command with its arguments. `RUN` is a run with a running step `long` and a parked step `bad`, `FLEET` a fleet that has applied
   * actions with their names as request ids, `SCHEDULE` a new schedule.
   */
  readonly line: string;
  /** Whether it uses a server. */
  readonly server?: true;
  /** For a command that runs until it is interrupted: what it prints once it has started. */
  readonly lasting?: RegExp;
  /** Its exit code after Ctrl-C. Default: 130. */
  readonly interrupted?: number;
  /** Added to its environment. */
  readonly env?: Record<string, string>;
  /** Whether it waits for a server that is lost. */
  readonly waits?: true;
  /** Whether another command shares all of its code, so that there is nothing new to find out. */
  readonly alike?: true;
}

/** Every command of the program, as the first test checks. `NEW` is an id without a run. */
const USES: Readonly<Record<string, readonly Use[]>> = {
  up: [{ line: 'up PLAN --id NEW', server: true, lasting: /connecting/ }],
  'fleet up': [
    {
      line: 'fleet up PLAN --hosts HOSTS --name NEW --no-preflight --wait',
      server: true,
      lasting: /of 2 done/,
      waits: true,
    },
  ],
  'fleet status': [{ line: 'fleet status FLEET', server: true }],
  'fleet watch': [{ line: 'fleet watch FLEET', server: true, lasting: /of 3 done/, waits: true }],
  'fleet hosts': [{ line: 'fleet hosts FLEET --state running --json', server: true, alike: true }],
  'fleet report': [{ line: 'fleet report FLEET --format csv', server: true, alike: true }],
  'fleet promote': [{ line: 'fleet promote FLEET --request-id promote', server: true }],
  'fleet pause': [{ line: 'fleet pause FLEET --request-id pause', server: true, alike: true }],
  'fleet resume': [{ line: 'fleet resume FLEET --request-id resume', server: true, alike: true }],
  'fleet retry': [{ line: 'fleet retry FLEET third --request-id retry', server: true, alike: true }],
  'fleet skip': [{ line: 'fleet skip FLEET third --request-id skip', server: true, alike: true }],
  'fleet set': [{ line: 'fleet set FLEET --concurrency 1 --request-id set', server: true, alike: true }],
  'fleet abort': [{ line: 'fleet abort FLEET --yes --request-id abort', server: true, alike: true }],
  start: [{ line: 'start PLAN --id NEW', server: true }],
  'watch-host': [
    { line: 'watch-host 127.0.0.1:9 --target identity=id_test --id NEW', server: true, lasting: /Watching/ },
  ],
  status: [
    { line: 'status', server: true },
    { line: 'status RUN', server: true },
    { line: 'status RUN --json', server: true },
    { line: 'status RUN --watch --wait', server: true, lasting: /long running/ },
  ],
  watch: [
    { line: 'watch RUN', server: true, lasting: /long running/ },
    { line: 'watch --query ChandlerAttention=true --json', server: true, lasting: /"bad"/, waits: true },
  ],
  logs: [
    { line: 'logs RUN long', server: true },
    { line: 'logs RUN long --follow', server: true, lasting: /begun/ },
  ],
  attach: [{ line: 'attach RUN long --print', server: true }],
  ssh: [{ line: 'ssh RUN -- true', server: true }],
  retry: [
    { line: 'retry RUN bad --dry-run', server: true },
    { line: 'retry --query ChandlerAttention=true --dry-run', server: true },
  ],
  skip: [{ line: 'skip RUN bad --dry-run', server: true }],
  extend: [{ line: 'extend RUN long 1m', server: true }],
  abort: [{ line: 'abort RUN --dry-run', server: true }],
  pause: [{ line: 'pause RUN --dry-run', server: true }],
  resume: [{ line: 'resume RUN --dry-run', server: true }],
  init: [{ line: 'init -' }],
  hosts: [{ line: 'hosts HOSTS --json' }],
  validate: [{ line: 'validate PLAN' }],
  diff: [{ line: 'diff PLAN --json', server: true }],
  drift: [{ line: 'drift PLAN --json', server: true }],
  'schedule create': [{ line: 'schedule create PLAN --every 1d --id NEW', server: true }],
  'schedule list': [{ line: 'schedule list --json', server: true }],
  'schedule pause': [{ line: 'schedule pause SCHEDULE', server: true }],
  'schedule resume': [{ line: 'schedule resume SCHEDULE --json', server: true }],
  'schedule remove': [{ line: 'schedule remove SCHEDULE', server: true }],
  doctor: [{ line: 'doctor --json' }],
  clean: [{ line: 'clean 127.0.0.1:9 --target identity=id_test --json', server: true }],
  script: [{ line: 'script PLAN' }],
  schema: [{ line: 'schema output' }],
  dev: [{ line: 'dev', lasting: /Ready/, interrupted: 0 }],
  worker: [{ line: 'worker', server: true, lasting: /worker started/, interrupted: 0, waits: true }],
  'sandbox up': [{ line: 'sandbox up' }],
  'sandbox list': [{ line: 'sandbox list' }],
  'sandbox down': [{ line: 'sandbox down' }],
  completion: [{ line: 'completion bash' }],
  version: [{ line: 'version' }],
};
const uses = Object.values(USES)
  .flat()
  .filter(({ alike }) => !alike);
const ofServer = uses.filter(({ server }) => server);
/** Without a server, the uses of a command differ only in the format of errors, which one place renders. */
const serverUses = Object.values(USES).flatMap((all) =>
  all.filter(({ server, alike, line }, i) => server && !alike && (i === 0 || line === 'status RUN --json')),
);
/** One use of each command: a process that has just started does not depend on the arguments yet. */
const commands = Object.values(USES)
  .map(([first]) => first!)
  .filter(({ alike }) => !alike);

let home: string;
let stack: Stack;
let run: string;
let fleet: string;
/** A server that accepts connections and never responds. */
let silent: Server;
let silentAddress: string;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'chandler-hard-'));
  const plan =
    'target: {host: 127.0.0.1, port: 9, identity: id_test, connectTimeout: 1h}\nsteps: [{name: a, script: x}]\n';
  await writeFile(join(home, 'plan.yaml'), plan);
  await writeFile(join(home, 'hosts.yaml'), 'hosts: [web1, web2]\n');
  stack = await startStack();
  run = await stack.start({
    steps: [
      { name: 'long', script: 'echo begun; sleep 900' },
      { name: 'bad', script: 'exit 3' },
    ],
  });
  await stack.until(run, ({ steps }) => steps[1]?.state === 'parked', 'a step is parked');
  await stack.until(run, ({ steps }) => steps[0]?.state === 'running', 'a step runs');
  fleet = await startFleet();
  silent = createServer((socket) => socket.on('error', () => undefined));
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  silentAddress = `127.0.0.1:${(silent.address() as AddressInfo).port}`;
});

afterAll(async () => {
  silent.close();
  await sandboxDown({ dir: join(home, 'chandler/sandbox') });
  const open = stack.client.temporal.workflow.list({
    query: `TaskQueue = '${stack.taskQueue}' AND ExecutionStatus = 'Running'`,
  });
  for await (const { workflowId } of open)
    await stack.client.temporal.workflow
      .getHandle(workflowId)
      .terminate()
      // A run that has ended cannot be terminated.
      .catch(() => undefined);
  for (const { id } of await stack.client.driftSchedules.list()) {
    // A list may still contain one that is gone.
    if (id.startsWith('hard:')) await stack.client.driftSchedules.remove(id).catch(() => undefined);
  }
  await stack.stop();
  await rm(home, { recursive: true, force: true });
});

/** Starts a fleet whose first host fails and whose second one cannot be reached, and sends it actions. Returns its name. */
async function startFleet(): Promise<string> {
  const { fleets } = stack.client;
  const name = `hard-${randomUUID()}`;
  const target = { host: '127.0.0.1', identity: 'id_test' };
  await fleets.start({
    name,
    plan: { steps: [{ name: 'a', script: 'x' }] },
    hosts: [
      { name: 'first', target: { ...target, port: 7, connectTimeout: '1ms' } },
      { name: 'second', target: { ...target, port: 8, connectTimeout: '1h' } },
      { name: 'third', target: { ...target, port: 9 } },
    ],
    waves: [1],
    pause: {},
    maxFailures: 3,
  });
  await poll(
    async () => (await fleets.status(name)).gate !== undefined,
    'the first wave is over',
    () => name,
  );
  await fleets.act(name, 'promote', { requestId: 'promote' });
  await fleets.act(name, 'pause', { requestId: 'pause' });
  await fleets.act(name, 'resume', { requestId: 'resume' });
  await fleets.act(name, 'skipHosts', { hosts: ['third'], requestId: 'skip' });
  await fleets.act(name, 'retry', { hosts: ['third'], requestId: 'retry' });
  await fleets.act(name, 'setConcurrency', { concurrency: 1, requestId: 'set' });
  return name;
}

/** Creates a schedule that checks for drift once a day. Returns its id. */
async function makeSchedule(): Promise<string> {
  const plan = { target: stack.target(), steps: [{ name: 'a', script: 'true' }] };
  const { id } = await stack.client.driftSchedules.create(
    plan,
    { every: '1d' },
    { id: `hard:${randomUUID()}` },
  );
  return id;
}

interface UseOptions {
  readonly address?: string;
  readonly id?: string;
}

/** The arguments and the environment of a command. */
async function invocationOf({ line, env }: Use, { address, id = run }: UseOptions) {
  const schedule = line.includes('SCHEDULE') ? await makeSchedule() : '';
  const words = line
    .replace('RUN', id)
    .replace('FLEET', fleet)
    .replace('PLAN', join(home, 'plan.yaml'))
    .replace('HOSTS', join(home, 'hosts.yaml'))
    .replace('SCHEDULE', schedule);
  return {
    args: words.replace('NEW', `hard:${randomUUID()}`).split(' '),
    env: {
      TEMPORAL_ADDRESS: address ?? inject('temporalAddress'),
      CHANDLER_TASK_QUEUE: stack.taskQueue,
      TEMPORAL_CLI_PATH: (await testCli()).path,
      ...env,
    },
  };
}

/** Runs a command. */
async function use(each: Use, options: Partial<ChandlerOptions> & UseOptions = {}): Promise<Ended> {
  const { address: _, id: __, ...rest } = options;
  const { args, env } = await invocationOf(each, options);
  const ended = await chandler(args, { home, ...rest, env: { ...env, ...rest.env } });
  expect(`${each.line}: ${ended.stderr}`).not.toMatch(/\n\s+at |node:internal|UnhandledPromise/);
  return ended;
}

async function useHere(each: Use, options: UseOptions): Promise<Ended> {
  const { args, env } = await invocationOf(each, options);
  return canRunHere(args) ? chandlerHere(args, { home, env }) : use(each, options);
}

/** The uses with a wrong result, each with its output. */
function wrongResults(
  used: readonly Use[],
  ended: readonly Ended[],
  isRight: (ended: Ended, use: Use) => boolean,
) {
  return used.flatMap((each, i) => {
    const end = ended[i];
    return end && isRight(end, each) ? [] : [{ line: each.line, ...end }];
  });
}

/** The message of an error in plain or JSON form. */
function messageOf({ stderr }: Ended): string {
  return stderr.startsWith('{')
    ? `${(JSON.parse(stderr) as { error: { message: string } }).error.message}\n`
    : stderr;
}

const lines = (text: string) => text.split('\n').filter((line) => line !== '').length;

test('USES covers every command of the program', () => {
  const leaves = commandsOf(idleProgram()).filter(({ command }) => command.commands.length === 0);
  expect(Object.keys(USES).toSorted()).toEqual(leaves.map(({ name }) => name).toSorted());
});

test('every command reports a wrong id on one line with the most similar id', async () => {
  // The formats of errors are tested without a server.
  const withId = Object.values(USES).flatMap((all) =>
    all.filter(({ line }) => line.includes('RUN')).slice(0, 1),
  );
  const wrong = run.slice(0, -1);
  const ended = await mapConcurrently(withId, 4, (each) => useHere(each, { id: wrong }));
  const right = `no run with the id ${wrong}; did you mean ${run}?\n`;
  expect(wrongResults(withId, ended, (end) => end.exitCode === 2 && messageOf(end) === right)).toEqual([]);
});

test('without a server every command reports on one line what it tried and what to do', async () => {
  const ended = await mapConcurrently(serverUses, 4, (each) => useHere(each, { address: '127.0.0.1:1' }));
  const right =
    'no Temporal server answers at 127.0.0.1:1 (TEMPORAL_ADDRESS): ECONNREFUSED; start one with: chandler dev\n';
  expect(wrongResults(serverUses, ended, (end) => end.exitCode === 5 && messageOf(end) === right)).toEqual(
    [],
  );
});

test('a server that accepts connections but never responds counts as missing', async () => {
  const some = serverUses.filter(({ line }) => /^(status|up|retry RUN|worker)/.test(line));
  const ended = await mapConcurrently(some, some.length, (each) => use(each, { address: silentAddress }));
  expect(wrongResults(some, ended, ({ exitCode, stderr }) => exitCode === 5 && lines(stderr) <= 2)).toEqual(
    [],
  );
});

test('every lasting command reports a lost server or waits for it, and can be interrupted', async () => {
  const lasting = ofServer.filter((each) => each.lasting);
  const ended = await mapConcurrently(lasting, lasting.length, async (each) => {
    const [, port = ''] = inject('temporalAddress').split(':');
    const proxy = await startFaultProxy(Number(port));
    try {
      const address = `127.0.0.1:${proxy.port}`;
      const act = async () => {
        await proxy.refuse();
        proxy.reset();
      };
      return await use(each, {
        address,
        when: { shows: each.lasting ?? /./, act },
        ...(each.waits && { interrupt: /transport error|Unavailable|UNAVAILABLE|refused|does not answer/ }),
      });
    } finally {
      await proxy.close();
    }
  });
  const isRight = ({ exitCode, stdout, stderr }: Ended, { waits, interrupted = 130 }: Use) =>
    waits
      ? exitCode === interrupted
      : exitCode === 5 &&
        /the Temporal server does not answer any more/.test(stderr) &&
        // Before that, a busy worker may be late.
        !/worker/.test(stdout.split('The Temporal server does not answer').at(-1) ?? '');
  expect(wrongResults(lasting, ended, isRight)).toEqual([]);
});

test('commands end silently when their reader is gone', async () => {
  // A worker prints nothing to stdout.
  const printing = someOf(commands, 4).filter(({ line }) => line !== 'worker');
  const ended = await mapConcurrently(printing, 4, (each) => use(each, { closeStdout: true }));
  // A command that prints nothing to stdout ends normally.
  const isRight = ({ exitCode, stderr }: Ended, { lasting }: Use) =>
    exitCode === 141 || (!lasting && exitCode === 0 && lines(stderr) <= 2);
  expect(wrongResults(printing, ended, isRight)).toEqual([]);
});

test('Ctrl-C at the start ends commands that have not ended yet', async () => {
  const started = someOf(commands, 4);
  const starts = started.map((each, i) => ({ each, afterMs: 40 * (1 + (i % 8)) }));
  const ended = await mapConcurrently(starts, 4, ({ each, afterMs }) => use(each, { interrupt: afterMs }));
  const isRight = ({ exitCode }: Ended) => exitCode === 130 || exitCode === 'SIGINT' || exitCode === 0;
  expect(wrongResults(started, ended, isRight)).toEqual([]);
});

test('Ctrl-C during the search for a server ends commands', async () => {
  // The search is the same for all of them.
  const some = someOf(serverUses, 6);
  const ended = await mapConcurrently(some, 8, (each) =>
    use(each, { address: silentAddress, interrupt: 2500 }),
  );
  const isRight = ({ exitCode }: Ended) => exitCode === 130 || exitCode === 'SIGINT';
  expect(wrongResults(some, ended, isRight)).toEqual([]);
});

test('Ctrl-C ends every lasting command, and the run continues', async () => {
  const lasting = uses.filter((each) => each.lasting);
  const ended = await mapConcurrently(lasting, 4, (each) => use(each, { interrupt: each.lasting ?? 0 }));
  expect(
    wrongResults(lasting, ended, ({ exitCode }, { interrupted = 130 }) => exitCode === interrupted),
  ).toEqual([]);
  expect((await stack.client.status(run)).endedAtMs).toBeUndefined();
});

test('without a terminal a command that needs confirmation asks for --yes', async () => {
  const dangerous = ['abort --fleet F', 'skip --query WorkflowId="RUN"'].map((line) => ({ line }));
  const [none, refused] = await mapConcurrently(dangerous, 2, (each) => use(each));
  expect(none).toMatchObject({ exitCode: 0, stderr: "No open run is found by: ChandlerFleet = 'F'\n" });
  expect(refused).toMatchObject({ exitCode: 2, stdout: '' });
  expect(refused?.stderr).toMatch(/of 1 run\? Confirm with --yes, or list the runs with --dry-run\n$/);
});
