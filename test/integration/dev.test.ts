// Limits what others can make `chandler dev` do: any user or web page that reaches its server could start runs.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { connect, type ChandlerClient } from '../../src/client.ts';
import { sandboxDown, sandboxUp, type SandboxHost } from '../../src/dev/sandbox/index.ts';
import { readDevServer } from '../../src/dev/temporal/index.ts';
import type { Plan } from '../../src/domain/plan/schema.ts';
import { chandler } from '../support/chandler.ts';
import { startHost, type TestHost } from '../support/hosts.ts';
import { poll } from '../support/poll.ts';
import { testCli } from '../support/temporal.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const VALUE = 'hush-hush-value';

let home: string;
/** A host that accepts the key in the user's ~/.ssh. */
let real: TestHost;
let sandbox: SandboxHost;
let dev: Dev;
let client: ChandlerClient;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'chandler-dev-'));
  mkdirSync(join(home, '.ssh'), { mode: 0o700 });
  real = await startHost();
  copyFileSync(real.identity, join(home, '.ssh', 'id_ed25519'));
  copyFileSync(real.knownHosts, join(home, '.ssh', 'known_hosts'));
  [sandbox] = (await sandboxUp({
    dir: join(home, 'chandler', 'sandbox'),
    count: 1,
    announce: () => undefined,
  })) as [SandboxHost];
  mkdirSync(join(home, 'data'));
  // As a process with another umask would have left it.
  writeFileSync(join(home, 'data', 'worker.log'), 'of an earlier start\n', { mode: 0o644 });
  dev = await startDev();
  client = await connect({ address: dev.address });
});
afterAll(async () => {
  await client?.close();
  await dev?.stop();
  await real?.stop();
  if (home) await sandboxDown({ dir: join(home, 'chandler', 'sandbox') });
  if (home) await rm(home, { recursive: true, force: true });
});

interface Dev {
  readonly address: string;
  readonly printed: string;
  readonly stop: () => Promise<void>;
}

/** Starts `chandler dev` in that home, and waits until it is ready. */
async function startDev(...options: string[]): Promise<Dev> {
  const { path: cli } = await testCli();
  const data = join(home, 'data');
  const args = ['dev', '--data', data, '--temporal-cli', cli, ...options];
  const child = spawn(process.execPath, ['dist/cli/main.js', ...args], {
    cwd: root,
    env: {
      PATH: process.env['PATH'],
      HOME: home,
      XDG_STATE_HOME: home,
      CHANDLER_SECRET_TOKEN: VALUE,
      CHANDLER_IDENTITIES: join(home, '.ssh'),
      CHANDLER_ZMX_SOURCE: 'tmux',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let printed = '';
  child.stdout.on('data', (chunk: Buffer) => (printed += chunk.toString()));
  await poll(
    () => printed.includes('\nReady') || child.exitCode !== null,
    'chandler dev gets ready',
    () => printed,
    60_000,
  );
  const { address } = (await readDevServer(data)) ?? { address: '' };
  const stop = async () => {
    if (child.exitCode !== null) return;
    child.kill('SIGINT');
    await once(child, 'exit');
  };
  return { address, printed, stop };
}

/** The outcome of a run with one step on a host. */
async function outcomeOn(host: SandboxHost, target: object, step: object = {}) {
  const input = {
    target: { host: host.host, port: host.port, hostKey: host.hostKey, ...target },
    steps: [{ name: 'a', script: 'touch /root/was-here', ...step }],
    parkTimeout: '1s',
    onStepFailure: 'fail',
  } as Plan;
  const id = `dev-${Math.random()}`;
  await client.start(input, { workflowId: id });
  return client.result(id);
}

const hasRun = (host: SandboxHost) => readdirSync(`${host.root}/root`).includes('was-here');

it('D1: chandler dev prints which keys and secrets its runs may use, and how to allow more', () => {
  expect(dev.printed).toMatch(/Keys +those of sandbox hosts only; for others: --identities DIR\n/);
  expect(dev.printed).toMatch(/Secrets +none; for those of this environment: --secrets\n/);
});

it('chandler dev refuses a missing directory of identities before it starts anything', async () => {
  const args = ['dev', '--data', join(home, 'other'), '--identities', `${join(home, '.ssh')}:~/.ssh`];
  expect(await chandler(args, { home })).toMatchObject({
    exitCode: 2,
    stderr: expect.stringMatching(/--identities: cannot read the directory ~\/\.ssh: .*nothing was started/),
  });
  expect(readdirSync(home)).not.toContain('other');
});

it.each<[string, object]>([
  ['no key', {}],
  ['a key by name', { identity: 'id_ed25519' }],
  ['the agent', { identity: 'agent' }],
  ['a key by its path and an unknown host key', { identity: 'HOME/.ssh/id_ed25519', hostKey: 'accept-new' }],
])(
  "D1: a run with %s cannot log in to the user's hosts, and reports which option allows it",
  async (_, target) => {
    const named = JSON.parse(JSON.stringify(target).replace('HOME', home)) as object;
    expect(await outcomeOn(real, named)).toMatchObject({
      outcome: 'failed',
      failure: {
        code: 'identity-unavailable',
        advice: expect.stringMatching(/sandbox hosts only.*--identities/),
      },
    });
    expect(readFileSync(`${real.root}/var/log/sshd.log`, 'utf8')).not.toContain('Accepted');
    expect(hasRun(real)).toBe(false);
  },
);

it('D1: a run on a sandbox host works without secrets', async () => {
  const identity = { identity: sandbox.identity };
  expect(await outcomeOn(sandbox, identity)).toMatchObject({ outcome: 'provisioned' });
  expect(hasRun(sandbox)).toBe(true);
  for (const reference of ['env:TOKEN', 'file:token']) {
    const step = { script: 'printf %s "$T" | rev', secrets: { T: reference } };
    expect(await outcomeOn(sandbox, identity, step)).toMatchObject({
      outcome: 'failed',
      failure: { code: 'secret-unavailable', advice: expect.stringContaining('--secrets') },
    });
  }
});

it('D1: a web page can use neither the HTTP API of the server nor that of the UI', async () => {
  const { pid, uiUrl } = (await readDevServer(join(home, 'data')))!;
  const args = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  const http = `http://127.0.0.1:${args[args.indexOf('--http-port') + 1]}`;
  const body = JSON.stringify({
    workflowType: { name: 'provision' },
    taskQueue: { name: 'chandler' },
    input: [{ target: { host: real.host, port: real.port }, steps: [{ name: 'a', script: 'id' }] }],
  });
  const answers = [];
  for (const base of [http, uiUrl, http.replace('127.0.0.1', 'localhost')]) {
    for (const type of ['text/plain', 'application/json', 'application/x-www-form-urlencoded']) {
      const { status } = await fetch(`${base}/api/v1/namespaces/default/workflows/from-a-page`, {
        method: 'POST',
        headers: { 'content-type': type, origin: 'https://page.example' },
        body,
      });
      answers.push(status);
    }
  }
  expect(answers).toEqual([403, 403, 403, 400, 400, 400, 403, 403, 403]);
  await expect(client.temporal.workflow.getHandle('from-a-page').describe()).rejects.toThrow(/not found/);
  // Every port is on the loopback interface.
  expect(args[args.indexOf('--ip') + 1]).toBe('127.0.0.1');
});

it('D9: only this user can read the files of chandler dev', () => {
  const files = readdirSync(join(home, 'data'));
  expect(files).toEqual(
    expect.arrayContaining(['server.log', 'temporal.db', 'temporal.db-wal', 'worker.log']),
  );
  const open = files.filter((name) => (statSync(join(home, 'data', name)).mode & 0o077) !== 0);
  expect(open).toEqual([]);
});

it('runs use the keys and secrets that --identities and --secrets allow', async () => {
  await client.close();
  await dev.stop();
  dev = await startDev('--identities', join(home, '.ssh'), '--secrets');
  client = await connect({ address: dev.address });
  expect(dev.printed).toMatch(
    /Keys +those of sandbox hosts, and \S+\.ssh\nSecrets +those of this environment\n/,
  );
  const script = `[ "$T" = ${VALUE} ] && touch /root/was-here`;
  expect(
    await outcomeOn(real, { hostKey: 'known_hosts' }, { script, secrets: { T: 'env:TOKEN' } }),
  ).toMatchObject({
    outcome: 'provisioned',
  });
  expect(hasRun(real)).toBe(true);
});
