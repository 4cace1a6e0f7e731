import { execFileSync, spawn } from 'node:child_process';
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
  startDevServer,
  type DevServer,
} from '../../src/dev/temporal/index.ts';
import { searchAttributes } from '../../src/domain/search-attributes.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const GOOD = 'target: {host: 127.0.0.1, port: 1}\nsteps: [{name: a, script: x, finalize: y}]\n';

let dir: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'chandler-cli-'));
  await writeFile(join(dir, 'good.yaml'), GOOD);
  await writeFile(join(dir, 'bad.yaml'), `${GOOD}colour: red\nname: ""\n`);
});
afterAll(() => rm(dir, { recursive: true, force: true }));

/** Runs the CLI as a person would, with nothing of this machine's settings. */
async function chandler(
  args: readonly string[],
  options: { env?: Record<string, string>; input?: string; closeStdout?: boolean; stopOn?: string } = {},
) {
  const child = spawn(process.execPath, ['dist/cli/main.js', ...args], {
    cwd: root,
    env: { PATH: process.env['PATH'], HOME: dir, XDG_STATE_HOME: dir, ...options.env },
    timeout: 40_000,
  });
  const output = { stdout: '', stderr: '' };
  if (options.closeStdout) child.stdout.destroy();
  else child.stdout.on('data', (chunk: Buffer) => (output.stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output.stderr += chunk.toString()));
  const { stopOn } = options;
  if (stopOn !== undefined) {
    child.stderr.on('data', () => !child.killed && output.stderr.includes(stopOn) && child.kill('SIGTERM'));
  }
  child.stdin.end(options.input ?? '');
  const exitCode = await new Promise((resolve) =>
    child.once('close', (code, signal) => resolve(code ?? signal)),
  );
  return { exitCode, ...output };
}

describe('without a server', () => {
  test('--help tells the exit codes', async () => {
    const { exitCode, stdout } = await chandler(['up', '--help']);
    expect(exitCode).toBe(0);
    expect(stdout).toContain('3    a step waits for a person');
  });

  test.each([
    [['upp'], "error: unknown command 'upp'\n(Did you mean up?)"],
    [['help', 'upp'], "error: unknown command 'upp'\n(Did you mean up?)"],
    [['up', '--wat'], "error: unknown option '--wat'"],
    [['sandbox', 'down', 'nowhere'], 'no host nowhere; there are none; nothing was ended\n'],
    [['status', 'x', '--fleet', 'y'], 'either the id of a run, or --fleet or --query, not both\n'],
  ])('%j is wrong usage', async (args, says) => {
    const { exitCode, stdout, stderr } = await chandler(args, { env: { XDG_STATE_HOME: dir } });
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr.slice(0, says.length)).toBe(says);
  });

  test('a plan is not written over a directory, whatever is said', async () => {
    const outcomes = await Promise.all([chandler(['init', dir]), chandler(['init', dir, '--force'])]);
    for (const { exitCode, stderr } of outcomes) {
      expect(exitCode).toBe(1);
      expect(stderr).toMatch(/ cannot be written: .*directory/);
      expect(stderr).not.toContain('--force');
    }
  });

  test('validate says what a good plan holds', async () => {
    const { exitCode, stdout } = await chandler(['validate', '-'], { input: GOOD });
    expect(stdout).toMatch(/^stdin: ok \(1 step, 1 finalizer, digest [0-9a-f]{12}\)\n$/);
    expect(exitCode).toBe(0);
  });

  test('a bad plan is refused with every problem on a line, before any server is asked', async () => {
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

  test('script makes a program of a plan, for each way to bring it to a host', async () => {
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

  test('script refuses what a host cannot have, and tells where it cannot write', async () => {
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

  test('a plan that is not there is told in one line', async () => {
    const { exitCode, stderr } = await chandler(['validate', 'nowhere.yaml']);
    expect({ exitCode, stderr }).toEqual({ exitCode: 2, stderr: 'nowhere.yaml: no such file\n' });
  });

  test('an engine that does not answer is told in one line with what was tried', async () => {
    const address = '127.0.0.1:1';
    const byOption = await chandler(['status', '--address', address]);
    expect(byOption).toEqual({
      exitCode: 5,
      stdout: '',
      stderr: `no Temporal server answers at ${address} (--address): ECONNREFUSED; start one with: chandler dev\n`,
    });
    const byVariable = await chandler(['worker'], { env: { TEMPORAL_ADDRESS: address } });
    expect(byVariable.exitCode).toBe(5);
    expect(byVariable.stderr).toContain(`${address} (TEMPORAL_ADDRESS): ECONNREFUSED`);
  });

  test('CHANDLER_DEBUG shows the stack', async () => {
    const { stderr } = await chandler(['status', '--address', 'x'], { env: { CHANDLER_DEBUG: '1' } });
    expect(stderr).toMatch(/\n {4}at /);
  });

  test('a reader that goes away ends the program quietly', async () => {
    const { exitCode, stderr } = await chandler(['schema'], { closeStdout: true });
    expect({ exitCode, stderr }).toEqual({ exitCode: 141, stderr: '' });
  });
});

describe('with a server and no worker', () => {
  let server: DevServer;
  let address: string[];

  beforeAll(async () => {
    const { env } = process;
    const cli = await findTemporalCli({ env, cacheDir: defaultCacheDir(env), announce() {} });
    server = await startDevServer({ cli: cli.path, searchAttributes });
    address = ['--address', server.address];
  });
  afterAll(() => server.stop({ graceMs: 0 }));

  test('an unknown run is told by its id', async () => {
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
        stderr: 'no run with the id x; chandler status lists them\n',
      });
    }
  });

  test('a list without runs is empty', async () => {
    expect(await chandler(['status', '--json', ...address])).toMatchObject({ exitCode: 0, stdout: '[]\n' });
  });

  test('is reached over TLS with the settings of the Temporal CLI, by clients and workers', async () => {
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

  test('a run is started, listed, refused a second time, and shown as one that no worker answers for', async () => {
    const plan = join(dir, 'good.yaml');
    const started = await chandler(['start', plan, '--target', 'port=2', ...address]);
    expect(started).toMatchObject({ exitCode: 0, stdout: 'provision:127.0.0.1:2\n' });
    expect(started.stderr).toContain(`watch provision:127.0.0.1:2 --address ${server.address}`);

    const again = await chandler(['start', plan, '--target', 'port=2', ...address]);
    expect(again.exitCode).toBe(1);
    expect(again.stderr).toContain('a run with the id provision:127.0.0.1:2 is at work already (lease-held)');

    const listed = await chandler(['status', '--json', ...address]);
    expect(JSON.parse(listed.stdout)).toMatchObject([{ id: 'provision:127.0.0.1:2', status: 'RUNNING' }]);

    const asked = await Promise.all([
      chandler(['status', 'provision:127.0.0.1:2', ...address]),
      chandler(['retry', 'provision:127.0.0.1:2', 'a', ...address]),
    ]);
    for (const { exitCode, stderr } of asked) {
      expect(exitCode).toBe(1);
      expect(stderr).toContain('no worker answers for this run');
    }
  });
});
