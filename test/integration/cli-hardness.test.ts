import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { sandboxDown } from '../../src/dev/sandbox/index.ts';
import { commandsOf, idleProgram } from '../cli/fake-context.ts';
import { chandler, eachOf, type ChandlerOptions, type Ended } from '../support/chandler.ts';
import { startFaultProxy } from '../support/fault-proxy.ts';
import { startStack, type Stack } from '../support/stack.ts';

/** A way to use a command. */
interface Use {
  /** The words of the command, then its arguments. `RUN` is a run with a step `long` that runs and one `bad` that is parked. */
  readonly line: string;
  /** Whether it talks to a server. */
  readonly engine?: true;
  /** It goes on until somebody ends it; this shows once it is under way. */
  readonly lasting?: RegExp;
  /** How it ends by Ctrl-C then, if not with 130. */
  readonly interrupted?: number;
  /** What it needs of its environment. */
  readonly env?: Record<string, string>;
  /** A server that goes away is waited for. */
  readonly waits?: true;
}

/** Every command of the program; one that is not here fails the first test. `NEW` is an id that no run has yet. */
const USES: Readonly<Record<string, readonly Use[]>> = {
  up: [{ line: 'up PLAN --id NEW', engine: true, lasting: /connecting/ }],
  start: [{ line: 'start PLAN --id NEW', engine: true }],
  'watch-host': [
    { line: 'watch-host 127.0.0.1:9 --target identity=id_test --id NEW', engine: true, lasting: /Watching/ },
  ],
  status: [
    { line: 'status', engine: true },
    { line: 'status RUN', engine: true },
    { line: 'status RUN --json', engine: true },
    { line: 'status RUN --watch --wait', engine: true, lasting: /long running/ },
  ],
  watch: [
    { line: 'watch RUN', engine: true, lasting: /long running/ },
    { line: 'watch --query ChandlerAttention=true --json', engine: true, lasting: /"bad"/, waits: true },
  ],
  logs: [
    { line: 'logs RUN long', engine: true },
    { line: 'logs RUN long --follow', engine: true, lasting: /begun/ },
  ],
  attach: [{ line: 'attach RUN long --print', engine: true }],
  ssh: [{ line: 'ssh RUN -- true', engine: true }],
  retry: [
    { line: 'retry RUN bad --dry-run', engine: true },
    { line: 'retry --query ChandlerAttention=true --dry-run', engine: true },
  ],
  skip: [{ line: 'skip RUN bad --dry-run', engine: true }],
  extend: [{ line: 'extend RUN long 1m', engine: true }],
  abort: [{ line: 'abort RUN --dry-run', engine: true }],
  pause: [{ line: 'pause RUN --dry-run', engine: true }],
  resume: [{ line: 'resume RUN --dry-run', engine: true }],
  init: [{ line: 'init -' }],
  validate: [{ line: 'validate PLAN' }],
  diff: [{ line: 'diff PLAN --json', engine: true }],
  doctor: [{ line: 'doctor --json' }],
  script: [{ line: 'script PLAN' }],
  schema: [{ line: 'schema output' }],
  dev: [{ line: 'dev', lasting: /Ready/, interrupted: 0 }],
  worker: [{ line: 'worker', engine: true, lasting: /worker started/, interrupted: 0, waits: true }],
  'sandbox up': [{ line: 'sandbox up' }],
  'sandbox list': [{ line: 'sandbox list' }],
  'sandbox down': [{ line: 'sandbox down' }],
  completion: [{ line: 'completion bash' }],
  version: [{ line: 'version' }],
};
const uses = Object.values(USES).flat();
const ofEngine = uses.filter(({ engine }) => engine);
/** Until there is a server, all uses of a command are one, but for how they tell an error. */
const seekers = Object.values(USES).flatMap((all) =>
  all.filter(({ engine, line }, i) => engine && (i === 0 || line.includes('--json'))),
);
/** A process that has only just begun does not know yet which use of a command it is. */
const commands = Object.values(USES).map(([first]) => first!);

let home: string;
let stack: Stack;
let run: string;
/** A server that takes connections and says nothing. */
let silent: Server;
let silentAddress: string;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'chandler-hard-'));
  const plan =
    'target: {host: 127.0.0.1, port: 9, identity: id_test, connectTimeout: 1h}\nsteps: [{name: a, script: x}]\n';
  await writeFile(join(home, 'plan.yaml'), plan);
  stack = await startStack();
  run = await stack.start({
    steps: [
      { name: 'long', script: 'echo begun; sleep 900' },
      { name: 'bad', script: 'exit 3' },
    ],
  });
  await stack.until(run, ({ steps }) => steps[1]?.state === 'parked', 'a step is parked');
  await stack.until(run, ({ steps }) => steps[0]?.state === 'running', 'a step runs');
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
    await stack.client.temporal.workflow.getHandle(workflowId).terminate();
  await stack.stop();
  await rm(home, { recursive: true, force: true });
});

/** Uses a command as far as `change` lets it. */
async function use(
  { line, env }: Use,
  options: Partial<ChandlerOptions> & { address?: string; id?: string } = {},
): Promise<Ended> {
  const { address = inject('temporalAddress'), id = run, ...rest } = options;
  const words = line.replace('RUN', id).replace('PLAN', join(home, 'plan.yaml'));
  const args = words.replace('NEW', `hard:${randomUUID()}`).split(' ');
  const own = { TEMPORAL_ADDRESS: address, CHANDLER_TASK_QUEUE: stack.taskQueue };
  const ended = await chandler(args, { home, ...rest, env: { ...own, ...env, ...rest.env } });
  expect(`${line}: ${ended.stderr}`).not.toMatch(/\n\s+at |node:internal|UnhandledPromise/);
  return ended;
}

/** All that went otherwise than it should, each with what it said. */
function others(used: readonly Use[], ended: readonly Ended[], isRight: (ended: Ended, use: Use) => boolean) {
  return used.flatMap((each, i) => {
    const end = ended[i];
    return end && isRight(end, each) ? [] : [{ line: each.line, ...end }];
  });
}

/** What an error says, also as JSON. */
function errorOf({ stderr }: Ended): string {
  return stderr.startsWith('{')
    ? `${(JSON.parse(stderr) as { error: { message: string } }).error.message}\n`
    : stderr;
}

const lines = (text: string) => text.split('\n').filter((line) => line !== '').length;

test('every command of the program is here', () => {
  const leaves = commandsOf(idleProgram()).filter(({ command }) => command.commands.length === 0);
  expect(Object.keys(USES).toSorted()).toEqual(leaves.map(({ name }) => name).toSorted());
});

test('a wrong id is told in a line, with what may have been meant', async () => {
  const withId = ofEngine.filter(({ line }) => line.includes('RUN'));
  const wrong = run.slice(0, -1);
  const ended = await eachOf(withId, 4, (each) => use(each, { id: wrong }));
  const right = `no run with the id ${wrong}; did you mean ${run}?\n`;
  expect(others(withId, ended, (end) => end.exitCode === 2 && errorOf(end) === right)).toEqual([]);
});

test('without a server every command says in a line what was tried and what to do', async () => {
  const ended = await eachOf(seekers, 4, (each) => use(each, { address: '127.0.0.1:1' }));
  const right =
    'no Temporal server answers at 127.0.0.1:1 (TEMPORAL_ADDRESS): ECONNREFUSED; start one with: chandler dev\n';
  expect(others(seekers, ended, (end) => end.exitCode === 5 && errorOf(end) === right)).toEqual([]);
});

test('a server that takes the connection and says nothing is no server', async () => {
  const some = seekers.filter(({ line }) => /^(status|up|retry RUN|worker)/.test(line));
  const ended = await eachOf(some, some.length, (each) => use(each, { address: silentAddress }));
  expect(others(some, ended, ({ exitCode, stderr }) => exitCode === 5 && lines(stderr) <= 2)).toEqual([]);
});

test('a server that goes away in the middle is told, and what waits for it can be ended', async () => {
  const lasting = ofEngine.filter((each) => each.lasting);
  const ended = await eachOf(lasting, lasting.length, async (each) => {
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
        !/worker/.test(stdout);
  expect(others(lasting, ended, isRight)).toEqual([]);
});

test('a reader that is gone ends every command quietly', async () => {
  // A worker has nothing to say there.
  const printing = uses.filter(({ line }) => line !== 'worker');
  const ended = await eachOf(printing, 4, (each) => use(each, { closeStdout: true }));
  // One that has nothing to print there ends as always.
  const isRight = ({ exitCode, stderr }: Ended, { lasting }: Use) =>
    exitCode === 141 || (!lasting && exitCode === 0 && lines(stderr) <= 2);
  expect(others(printing, ended, isRight)).toEqual([]);
});

test('Ctrl-C at the very beginning ends every command, or comes too late', async () => {
  const starts = commands.map((each, i) => ({ each, afterMs: 40 * (1 + (i % 8)) }));
  const ended = await eachOf(starts, 4, ({ each, afterMs }) => use(each, { interrupt: afterMs }));
  const isRight = ({ exitCode }: Ended) => exitCode === 130 || exitCode === 'SIGINT' || exitCode === 0;
  expect(others(commands, ended, isRight)).toEqual([]);
});

test('Ctrl-C while a server is being waited for ends every command', async () => {
  const ended = await eachOf(seekers, 8, (each) => use(each, { address: silentAddress, interrupt: 2500 }));
  const isRight = ({ exitCode }: Ended) => exitCode === 130 || exitCode === 'SIGINT';
  expect(others(seekers, ended, isRight)).toEqual([]);
});

test('Ctrl-C in the middle ends what goes on, and the run goes on', async () => {
  const lasting = uses.filter((each) => each.lasting);
  const ended = await eachOf(lasting, 4, (each) => use(each, { interrupt: each.lasting ?? 0 }));
  expect(others(lasting, ended, ({ exitCode }, { interrupted = 130 }) => exitCode === interrupted)).toEqual(
    [],
  );
  expect((await stack.client.status(run)).endedAtMs).toBeUndefined();
});

test('without a terminal nobody is asked: what wants a yes says so', async () => {
  const dangerous = ['abort --fleet F', 'skip --query WorkflowId="RUN"'].map((line) => ({ line }));
  const [none, refused] = await eachOf(dangerous, 2, (each) => use(each));
  expect(none).toMatchObject({ exitCode: 0, stderr: "No running run is found by: ChandlerFleet = 'F'\n" });
  expect(refused).toMatchObject({ exitCode: 2, stdout: '' });
  expect(refused?.stderr).toMatch(/in 1 run\? Say --yes, or see them with --dry-run\n$/);
});
