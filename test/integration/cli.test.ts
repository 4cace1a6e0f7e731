import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { connect, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  defaultCacheDir,
  findTemporalCli,
  readDevServer,
  startDevServer,
  type DevServer,
} from '../../src/dev/temporal/index.ts';
import { connect as connectClient } from '../../src/client.ts';
import { searchAttributes } from '../../src/domain/run/search-attributes.ts';
import { canRunHere, chandlerHere } from '../support/chandler-here.ts';
import { problemsOf } from '../support/schemas.ts';
import { poll } from '../support/poll.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const GOOD = 'target: {host: 127.0.0.1, port: 1}\nsteps: [{name: a, script: x, finalize: y}]\n';
/** Fixed, since it appears in titles. */
const RUN_ID = '9b2f6c1e-5d0a-4f7c-8f43-2a6f1d1c7e55';

let dir: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'chandler-cli-'));
  await writeFile(join(dir, 'good.yaml'), GOOD);
  await writeFile(join(dir, 'bad.yaml'), `${GOOD}colour: red\nname: ""\n`);
});
afterAll(() => rm(dir, { recursive: true, force: true }));

/** Runs the CLI without any settings of this machine; in its own process if the test is about that. */
async function chandler(
  args: readonly string[],
  options: { env?: Record<string, string>; input?: string; closeStdout?: boolean; stopOn?: string } = {},
) {
  const { closeStdout, stopOn, ...rest } = options;
  if (!closeStdout && stopOn === undefined && canRunHere(args))
    return chandlerHere(args, { home: dir, ...rest });
  const child = spawn(process.execPath, ['dist/cli/main.js', ...args], {
    cwd: root,
    env: { PATH: process.env['PATH'], HOME: dir, XDG_STATE_HOME: dir, ...options.env },
    timeout: 100_000,
  });
  const output = { stdout: '', stderr: '' };
  if (closeStdout) child.stdout.destroy();
  else child.stdout.on('data', (chunk: Buffer) => (output.stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output.stderr += chunk.toString()));
  if (stopOn !== undefined) {
    child.stderr.on('data', () => !child.killed && output.stderr.includes(stopOn) && child.kill('SIGTERM'));
  }
  child.stdin.end(options.input ?? '');
  const exitCode = await new Promise((resolve) =>
    child.once('close', (code, signal) => resolve(code ?? signal)),
  );
  return { exitCode, ...output };
}

/** Runs the command line with an output on a full disk. */
function expectFull(...words: string[]): void {
  const run = () =>
    execFileSync('sh', ['-c', 'exec node dist/cli/main.js "$@" >/dev/full', '-', ...words], {
      cwd: root,
      stdio: ['ignore', 'ignore', 'pipe'],
      encoding: 'utf8',
    });
  const stderr = 'cannot write the output: ENOSPC: no space left on device, write\n';
  expect(run).toThrow(expect.objectContaining({ status: 1, stderr }));
}

describe('the CLI without a server', () => {
  test('explains the exit codes in --help', async () => {
    const { exitCode, stdout } = await chandler(['up', '--help']);
    expect(exitCode).toBe(0);
    expect(stdout).toContain('3    a step needs attention');
  });

  test.each([
    [['upp'], "error: unknown command 'upp'\n(Did you mean up?)"],
    [['help', 'upp'], "error: unknown command 'upp'\n(Did you mean up?)"],
    [['up', '--wat'], "error: unknown option '--wat'"],
    [['sandbox', 'down', 'nowhere'], 'no host nowhere; there are none; nothing was ended\n'],
    [['help', 'sandbox', 'upp'], "error: unknown command 'upp'\n(Did you mean up?)"],
    [['status', '--run-id', RUN_ID], '--run-id is for one run: give its id, too\n'],
    [['watch', 'x', 'y', '--run-id', RUN_ID], '--run-id is for one run: give its id, and no other\n'],
    [
      ['logs', 'x', 'a', '--run-id', 'latest'],
      "error: option '--run-id <run-id>' argument 'latest' is invalid.",
    ],
    [['status', 'x', '--fleet', 'y'], 'either the id of a run, or --fleet or --query, not both\n'],
  ])('rejects %j as wrong usage', async (args, says) => {
    const { exitCode, stdout, stderr } = await chandler(args, { env: { XDG_STATE_HOME: dir } });
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr.slice(0, says.length)).toBe(says);
  });

  test('C11: shows the help of a subcommand', async () => {
    const { exitCode, stdout } = await chandler(['help', 'sandbox', 'up']);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^Usage: chandler sandbox up /);
  });

  test('never replaces a directory with a plan', async () => {
    const outcomes = await Promise.all([chandler(['init', dir]), chandler(['init', dir, '--force'])]);
    for (const { exitCode, stderr } of outcomes) {
      expect(exitCode).toBe(1);
      expect(stderr).toMatch(/ cannot be written: .*directory/);
      expect(stderr).not.toContain('--force');
    }
  });

  test('validates a plan and prints a summary', async () => {
    const { exitCode, stdout } = await chandler(['validate', '-'], { input: GOOD });
    expect(stdout).toMatch(/^stdin: ok \(1 step, 1 finalizer, digest [0-9a-f]{12}\)\n$/);
    expect(exitCode).toBe(0);
  });

  test('C10: warns about surprising scripts in a valid plan', async () => {
    const input = 'target: {host: h}\nsteps:\n  - name: a\n    script: |\n      make\n      server &\n';
    const [shown, json, quiet] = await Promise.all([
      chandler(['validate', '-'], { input }),
      chandler(['validate', '-', '--json'], { input }),
      chandler(['script', '-', '-q'], { input }),
    ]);
    expect(shown).toMatchObject({
      exitCode: 0,
      stdout: expect.stringMatching(/^stdin: ok/) as string,
      stderr: expect.stringMatching(
        /^stdin:5: warning: steps\[0\]\.script: if `make` fails.*\nstdin:6: warning: steps\[0\]\.script: `server` .*\n$/,
      ) as string,
    });
    expect(JSON.parse(json.stdout)).toMatchObject({
      ok: true,
      warnings: [
        { path: 'steps[0].script', line: 5 },
        { path: 'steps[0].script', line: 6 },
      ],
    });
    expect([json.exitCode, json.stderr, quiet.exitCode, quiet.stderr]).toEqual([0, '', 0, '']);
  });

  test('refuses an invalid plan with a line for each problem before it contacts a server', async () => {
    const commands = ['validate', 'up', 'start'];
    const bad = join(dir, 'bad.yaml');
    for (const outcome of await Promise.all(commands.map((command) => chandler([command, bad])))) {
      const { exitCode, stdout, stderr } = outcome;
      const lines = stderr.trimEnd().split('\n').sort();
      expect(lines).toEqual([
        expect.stringMatching(/bad\.yaml:3: colour: is not a known key$/),
        expect.stringMatching(/bad\.yaml:4: name: /),
      ]);
      expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    }
  });

  test.each(['validate', 'up', 'start', 'diff', 'script', 'doctor'])(
    '%s reads values and included files before it contacts a server',
    async (command) => {
      await writeFile(join(dir, 'needy.yaml'), `${GOOD}include: [common.yaml]\n`);
      await writeFile(join(dir, 'common.yaml'), 'required: [A, B]\nsteps: [{name: c, script: x}]\n');
      await writeFile(join(dir, 'some.env'), 'A=1\n');
      const values = ['--env-file', join(dir, 'some.env'), '--set', 'C=1'];
      const [missing, bad] = await Promise.all([
        chandler([command, join(dir, 'needy.yaml'), ...values]),
        chandler([command, join(dir, 'needy.yaml'), '--set', 'B', '--set', '1=2']),
      ]);
      expect(missing).toEqual({
        exitCode: 2,
        stdout: '',
        stderr: `${join(dir, 'common.yaml')}:1: required[1]: B has no value: set it in env, with --set B=VALUE, or in an --env-file\n`,
      });
      expect(bad.stderr.replaceAll(`${dir}/`, '').split('\n')).toEqual([
        'needy.yaml: --set B: must be NAME=VALUE',
        'needy.yaml: --set 1: must be the name of an environment variable',
        '',
      ]);
    },
  );

  test('reads an --env-file itself, though Node has an option of that name', async () => {
    await writeFile(join(dir, 'node.env'), 'NODE_OPTIONS=--version\n');
    const run = async (file: string) => {
      const args = ['validate', join(dir, 'good.yaml'), '--env-file', file];
      // As a shell runs it.
      const ended = spawnSync(join(root, 'dist/cli/main.js'), args, { encoding: 'utf8' });
      return { exitCode: ended.status, output: `${ended.stdout}${ended.stderr}` };
    };
    expect(await run(join(dir, 'node.env'))).toMatchObject({
      exitCode: 0,
      output: expect.stringMatching(/: ok \(/) as string,
    });
    expect(await run('none.env')).toEqual({ exitCode: 2, output: 'none.env: no such file\n' });
    expect(await run('/dev/zero')).toEqual({
      exitCode: 2,
      output: '/dev/zero: has more than 33554432 bytes\n',
    });
  });

  test('refuses values without a plan', async () => {
    const outcome = await chandler(['doctor', 'root@web1', '--set', 'A=1']);
    expect(outcome).toEqual({
      exitCode: 2,
      stdout: '',
      stderr: '--set and --env-file are for a plan: give its file, too\n',
    });
  });

  test('the problems of included files have their file in JSON, too', async () => {
    await writeFile(join(dir, 'broken.yaml'), 'steps: [{name: c}]\n');
    const input = `include: [${join(dir, 'broken.yaml')}]\n${GOOD}`;
    const { exitCode, stdout } = await chandler(['validate', '-', '--json'], { input });
    expect({ exitCode, output: JSON.parse(stdout) as unknown }).toEqual({
      exitCode: 2,
      output: {
        file: 'stdin',
        ok: false,
        problems: [
          { file: join(dir, 'broken.yaml'), line: 1, path: 'steps[0].script', message: 'is missing' },
        ],
      },
    });
  });

  test('generates the script of a plan in every format', async () => {
    const file = join(dir, 'provision.sh');
    const [shown, written, cloud, pixels] = await Promise.all([
      chandler(['script', '-'], { input: GOOD }),
      chandler(['script', '-', '-o', file], { input: GOOD }),
      chandler(['script', '-', '-f', 'cloud-init', '--path', '/opt/provision'], { input: GOOD }),
      chandler(['script', 'preset:pixels', '-f', 'rc.local']),
    ]);
    expect(shown).toMatchObject({
      exitCode: 0,
      stderr: '',
      stdout: expect.stringMatching(/^#!\/bin\/sh\n/) as string,
    });
    expect(written).toEqual({ exitCode: 0, stdout: '', stderr: '' });
    expect(await readFile(file, 'utf8')).toBe(shown.stdout);
    expect((await stat(file)).mode & 0o777).toBe(0o755);
    expect(cloud.stdout).toMatch(/^#cloud-config\n[^]*path: \/opt\/provision\n/);
    expect(pixels.stdout).toContain('nohup /usr/local/bin/pixels-provision.sh');
    expect(pixels.stdout).toContain('wished_log=/var/log/pixels-provision.log');
  });

  test('generates no script for a plan with secrets, and reports a path that it cannot write', async () => {
    const secret = GOOD.replace('finalize: y', 'secrets: {T: "env:T"}');
    const [refused, unwritten] = await Promise.all([
      chandler(['script', '-'], { input: secret }),
      chandler(['script', '-', '-o', join(dir, 'no/where')], { input: GOOD }),
    ]);
    expect(refused).toMatchObject({ exitCode: 2, stdout: '' });
    expect(refused.stderr).toMatch(/^steps\[0\]\.secrets: needs a worker/);
    expect(unwritten).toMatchObject({ exitCode: 1, stdout: '' });
    expect(unwritten.stderr).toMatch(/^cannot write .*no\/where: /);
  });

  test('reports a missing plan on one line', async () => {
    const { exitCode, stderr } = await chandler(['validate', 'nowhere.yaml']);
    expect({ exitCode, stderr }).toEqual({ exitCode: 2, stderr: 'nowhere.yaml: no such file\n' });
  });

  test('reports on one line which server it tried', async () => {
    const address = '127.0.0.1:1';
    const byOption = await chandler(['status', '--address', address]);
    expect(byOption).toEqual({
      exitCode: 5,
      stdout: '',
      stderr: `no Temporal server answers at ${address} (--address): ECONNREFUSED; start one with: chandler dev\n`,
    });
  });

  test('prints the stack trace of an error with CHANDLER_DEBUG', async () => {
    const { stderr } = await chandler(['status', '--address', 'x'], { env: { CHANDLER_DEBUG: '1' } });
    expect(stderr).toMatch(/\n {4}at /);
  });

  test('ends silently when its reader is gone', async () => {
    const { exitCode, stderr } = await chandler(['schema'], { closeStdout: true });
    expect({ exitCode, stderr }).toEqual({ exitCode: 141, stderr: '' });
  });

  test.each([['schema'], ['version', '--json'], ['help']])(
    'C11: fails with the reason when it cannot write its output: %s',
    (...words) => expectFull(...words),
  );
});

test('C13: other terminals find the server of chandler dev in any data directory until it is killed', async () => {
  const { env } = process;
  const cli = await findTemporalCli({ env, cacheDir: defaultCacheDir(env), announce() {} });
  const state = { XDG_STATE_HOME: join(dir, 'state') };
  const data = join(dir, 'data');
  const args = ['dist/cli/main.js', 'dev', '--data', data, '--temporal-cli', cli.path];
  const dev = spawn(process.execPath, args, { cwd: root, env: { PATH: env['PATH'], HOME: dir, ...state } });
  let output = '';
  const ready = new Promise<void>((resolve, reject) => {
    dev.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()).includes('Ready') && resolve());
    dev.once('close', () => reject(new Error(`dev has ended: ${output}`)));
  });
  try {
    await ready;
    expect(await chandler(['status'], { env: state })).toMatchObject({ exitCode: 0, stdout: '' });
  } finally {
    dev.kill('SIGKILL');
    const server = await readDevServer(data);
    if (server) process.kill(server.pid, 'SIGKILL');
  }
  await poll(async () => (await readDevServer(data)) === undefined, 'the server is gone');
  const { exitCode, stderr } = await chandler(['status'], { env: state });
  expect(exitCode).toBe(5);
  expect(stderr).toContain('no running `chandler dev`');
});

describe('the CLI with a server and no worker', () => {
  let server: DevServer;
  let address: string[];

  beforeAll(async () => {
    const { env } = process;
    const cli = await findTemporalCli({ env, cacheDir: defaultCacheDir(env), announce() {} });
    server = await startDevServer({ cli: cli.path, searchAttributes });
    address = ['--address', server.address];
  });
  afterAll(() => server.stop({ graceMs: 0 }));

  test('reports the id of an unknown run', async () => {
    const commands = [
      ['status', 'x'],
      ['logs', 'x', 'a'],
      ['attach', 'x', 'a', '--print'],
      ['ssh', 'x', '--print'],
    ];
    const outcomes = await Promise.all(commands.map((command) => chandler([...command, ...address])));
    for (const outcome of outcomes) {
      expect(outcome).toEqual({
        exitCode: 2,
        stdout: '',
        stderr: expect.stringMatching(
          /^no run with the id x; it never was, or it was deleted.*: chandler clean TARGET\n$/,
        ) as string,
      });
    }
  });

  test('prints an empty list when there are no runs', async () => {
    expect(await chandler(['status', '--json', ...address])).toMatchObject({ exitCode: 0, stdout: '[]\n' });
  });

  test('connects clients and workers over TLS with the settings of the Temporal CLI', async () => {
    const [key, cert] = [join(dir, 'tls.key'), join(dir, 'tls.crt')];
    const subject = [
      '-subj',
      '/CN=localhost',
      '-addext',
      'subjectAltName=DNS:localhost',
      '-addext',
      'basicConstraints=critical,CA:FALSE',
    ];
    execFileSync(
      'openssl',
      ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', ...subject].concat([
        '-keyout',
        key,
        '-out',
        cert,
      ]),
      { stdio: 'pipe' },
    );
    const [host = '', port = ''] = server.address.split(':');
    const options = { key: await readFile(key), cert: await readFile(cert), ALPNProtocols: ['h2'] };
    const front = createServer(options, (socket) => {
      const plain = connect(Number(port), host);
      for (const end of [socket, plain]) end.on('error', () => [socket, plain].map((each) => each.destroy()));
      socket.pipe(plain).pipe(socket);
    });
    front.listen(0, '127.0.0.1');
    await once(front, 'listening');
    const env = { TEMPORAL_ADDRESS: `localhost:${(front.address() as AddressInfo).port}` };
    const trusting = { ...env, TEMPORAL_TLS_SERVER_CA_CERT_PATH: cert };
    try {
      const outcomes = await Promise.all([
        chandler(['status', '--json'], { env: trusting }),
        chandler(['worker'], { env: trusting, stopOn: 'worker started' }),
        chandler(['status'], { env }),
        chandler(['worker'], { env }),
      ]);
      expect(outcomes.map(({ exitCode }) => exitCode)).toEqual([0, 0, 5, 5]);
      expect(outcomes[0]?.stdout).toBe('[]\n');
      for (const { stderr } of outcomes.slice(2)) expect(stderr).toContain('no Temporal server answers');
    } finally {
      front.close();
    }
  });

  test('C11: starts and lists a run, refuses to start it twice, and reports that no worker answers for it', async () => {
    const plan = join(dir, 'good.yaml');
    const started = await chandler(['start', plan, '--target', 'port=2', ...address]);
    expect(started).toMatchObject({ exitCode: 0, stdout: 'provision:127.0.0.1:2\n' });
    expect(started.stderr).toContain(`watch provision:127.0.0.1:2 --address ${server.address}`);

    const again = await chandler(['start', plan, '--target', 'port=2', ...address]);
    expect(again.exitCode).toBe(1);
    expect(again.stderr).toContain('a run with the id provision:127.0.0.1:2 is at work already (lease-held)');

    const listed = await chandler(['status', '--json', ...address]);
    expect(JSON.parse(listed.stdout)).toMatchObject([
      {
        id: 'provision:127.0.0.1:2',
        runId: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
        status: 'RUNNING',
      },
    ]);
    expectFull('status', ...address);
    const shown = await chandler(['start', plan, '--id', 'other', '--json', ...address]);
    expect(problemsOf('started', shown.stdout)).toEqual([]);
    expect(JSON.parse(shown.stdout)).toMatchObject({ id: 'other' });

    const asked = await Promise.all([
      chandler(['status', 'provision:127.0.0.1:2', ...address]),
      chandler(['retry', 'provision:127.0.0.1:2', 'a', ...address]),
    ]);
    for (const { exitCode, stderr } of asked) {
      expect(exitCode).toBe(1);
      expect(stderr).toContain('no worker answers for this run');
    }
  });

  test.each([['diff'], ['clean']])(
    'C11: reports that %s waits for a worker, and then how to start one',
    async (name) => {
      const words = name === 'diff' ? [join(dir, 'good.yaml')] : ['root@127.0.0.1:2'];
      const { exitCode, stderr } = await chandler([name, ...words, ...address, '--task-queue', 'unserved']);
      expect(exitCode).toBe(1);
      expect(stderr.split('\n')).toEqual([
        `No worker answers on the task queue unserved; waiting for one: chandler worker --address ${server.address} --task-queue unserved`,
        'no worker serves the task queue unserved (no-worker)',
        'Start a worker on that task queue: `chandler worker`.',
        '',
      ]);
    },
  );

  test('C7: mentions earlier runs of an id in its status, and refuses an unknown run id', async () => {
    const plan = join(dir, 'good.yaml');
    const start = async () => {
      const { stdout } = await chandler(['start', plan, '--id', 'twice', '--json', ...address]);
      return (JSON.parse(stdout) as { runId: string }).runId;
    };
    const client = await connectClient({ address: server.address });
    try {
      const runIds: string[] = [];
      for (const reason of ['first', 'second']) {
        runIds.push(await start());
        await client.temporal.workflow.getHandle('twice').terminate(reason);
      }
      const [first, second] = runIds;
      const status = (...more: string[]) => chandler(['status', 'twice', ...more, ...address]);
      const latest = await status();
      expect(latest.stdout).toContain('terminated: second');
      expect(latest.stdout).toContain(`chandler status twice --run-id ${first} --address ${server.address}`);
      const earlier = await status('--run-id', first!);
      expect(earlier.stdout).toContain('terminated: first');
      expect(earlier.stdout).toContain(`--run-id ${second}`);
      const json = JSON.parse((await status('--run-id', first!, '--json')).stdout) as object;
      expect(json).toMatchObject({ id: 'twice', runId: first });
      const unknown = await status('--run-id', randomUUID());
      expect(unknown.exitCode).toBe(2);
      expect(unknown.stderr).toContain(`with the id twice; its runs are ${second}, ${first}\n`);
    } finally {
      await client.close();
    }
  });
});
