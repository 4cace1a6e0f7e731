// `npm run demo`: provisions a host; one step fails, and an operator retries it. Needs only Node and npm, checks what it
// shows, and leaves nothing behind. With --keep everything stays up until Ctrl-C.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { allOf, installPackages, root } from './install.mjs';

const CLI = 'npx tsx src/cli/main.ts';
const keep = process.argv.includes('--keep');
await allOf(installPackages());
const state = mkdtempSync(join(tmpdir(), 'chandler-demo-'));
const env = { ...ownEnvironment(), XDG_STATE_HOME: state };
const began = Date.now();
let stop = () => {};
let stopping = false;
let finished = false;
const stopped = new Promise((resolve) => (stop = resolve)).then(() => {
  stopping = true;
  throw new Stopped();
});
stopped.catch(() => {});
let dev;
let foreground;
/** Processes to await before cleaning up: `sandbox down` does not find a half-made host. */
const underWay = new Set();

class Stopped extends Error {}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    foreground?.kill(signal);
    stop();
  });
}

// The reader has closed the pipe (`| head`).
process.stdout.on('error', () => stop());

process.exitCode = await main();

async function main() {
  try {
    await Promise.race([demo(), stopped]);
    return 0;
  } catch (error) {
    if (error instanceof Stopped) return finished ? 0 : 130;
    console.error(`\nThe demo failed: ${error.message}\n${workerLog()}`);
    return 1;
  } finally {
    await cleanUp();
  }
}

async function demo() {
  title('A Temporal server, a worker, and a host to provision');
  const [server, host] = await Promise.all([startDev(), makeHost()]);
  checkpoint();
  console.log(
    `Temporal  ${server.address}\nUI        ${server.uiUrl}\nHost      root@127.0.0.1:${host.port}`,
  );
  const id = `provision:${host.host}:${host.port}`;

  title('Three steps at once; one of them fails');
  const target = ['--target', `root@${host.host}:${host.port}`, '--target', `identity=${host.identity}`];
  await show(['up', 'examples/demo.yaml', ...target, '--no-wait'], { exitCode: 3 });

  title('The failed step keeps its session on the host, with the exit code');
  const sessions = await onHost(host, 'ZMX_DIR=/run/chandler/zmx /var/lib/chandler/zmx/*/zmx list');
  promise(/name=network\b.*exit_code=3/.test(sessions), 'zmx list shows exit code 3 of network');
  await show(['status']);

  title('An operator has fixed the cause and retries the step');
  await show(['retry', id, 'network']);
  await show(['status', id, '--watch']);

  title('The host is provisioned');
  const sentinel = JSON.parse(await onHost(host, 'cat /var/lib/chandler/provisioned'));
  const states = sentinel.steps.map(({ name, state }) => `${name} ${state}`).join(', ');
  promise(sentinel.workflowId === id, `the sentinel names the run ${id}`);
  promise(
    states === 'packages succeeded, network succeeded, site succeeded',
    `every step is done: ${states}`,
  );
  const pages = await onHost(host, 'ls /srv/site');
  promise(pages.trim().split('\n').length === 5, 'the site has its five pages');

  finished = true;
  console.log(`\nDone, in ${Math.round((Date.now() - began) / 1000)} s.`);
  if (!keep) {
    console.log('To explore the UI and the host: npm run demo -- --keep');
    return;
  }
  title('Everything stays up until Ctrl-C');
  console.log(`UI      ${server.uiUrl}/namespaces/default/workflows/${encodeURIComponent(id)}`);
  console.log('In another terminal, here:');
  console.log(`  export XDG_STATE_HOME=${state}`);
  for (const command of [`status ${id}`, `logs ${id} network --attempt 1`, 'sandbox list', '--help'])
    console.log(`  ${CLI} ${command}`);
  console.log(`  ${sshArgs(host).join(' ')}`);
  await stopped;
}

/** Starts `chandler dev` beside this process; resolves when it is ready. */
async function startDev() {
  // In its own process group: Ctrl-C is for the demo, which ends the server last.
  dev = spawn(process.execPath, cliArgs(['dev']), {
    cwd: root,
    env,
    detached: true,
    stdio: ['ignore', 'pipe', 2],
  });
  let text = '';
  dev.stdout.on('data', (chunk) => (text += chunk));
  const gone = ended(dev);
  while (!text.includes('\nReady') && dev.exitCode === null && dev.signalCode === null)
    await Promise.race([once(dev.stdout, 'data'), gone]);
  const [, address] = /^Temporal +(.*)$/m.exec(text) ?? [];
  const [, uiUrl] = /^UI +(.*)$/m.exec(text) ?? [];
  if (!address) throw new Error('chandler dev did not become ready');
  return { address, uiUrl };
}

async function makeHost() {
  const [host] = JSON.parse(await read(process.execPath, cliArgs(['sandbox', 'up', '--json'])));
  return host;
}

/** Runs a chandler command on the present terminal. */
async function show(args, { exitCode = 0 } = {}) {
  checkpoint();
  console.log(`$ ${CLI} ${args.join(' ')}`);
  foreground = spawn(process.execPath, cliArgs(args), { cwd: root, env, stdio: 'inherit' });
  const code = await waitFor(foreground);
  if (code !== exitCode) throw new Error(`chandler ${args[0]} exited with ${code}, not ${exitCode}`);
}

/** Runs a command on the host over plain ssh, shows it with its output, and returns the output. */
async function onHost(host, command) {
  checkpoint();
  console.log(`$ ssh -p ${host.port} root@${host.host} '${command}'`);
  const [ssh, ...args] = sshArgs(host);
  const output = await read(ssh, [...args, '-o', 'BatchMode=yes', command]);
  process.stdout.write(output);
  return output;
}

function sshArgs({ user, host, port, identity, knownHosts }) {
  return [
    'ssh',
    '-i',
    identity,
    '-o',
    `UserKnownHostsFile=${knownHosts}`,
    '-p',
    String(port),
    `${user}@${host}`,
  ];
}

/** Runs a command that Ctrl-C must not interrupt; returns its output. */
async function read(command, args) {
  const child = spawn(command, args, { cwd: root, env, detached: true, stdio: ['ignore', 'pipe', 2] });
  let output = '';
  child.stdout.on('data', (chunk) => (output += chunk));
  const code = await waitFor(child);
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} exited with ${code}`);
  return output;
}

/** Waits for a process, as the clean-up does. */
function waitFor(child) {
  const end = ended(child);
  underWay.add(end);
  return end.finally(() => underWay.delete(end));
}

function ended(child) {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve(code ?? signal));
  });
}

function cliArgs(args) {
  return ['--import', 'tsx', 'src/cli/main.ts', ...args];
}

/** Ends the host, the worker and the server, and removes what they kept. */
async function cleanUp() {
  await Promise.allSettled(underWay);
  if (dev) {
    console.log('\nCleaning up: the host, the worker, the server');
    await Promise.all([read(process.execPath, cliArgs(['sandbox', 'down'])), stopDev()]);
  }
  rmSync(state, { recursive: true, force: true });
}

async function stopDev() {
  if (dev.exitCode !== null || dev.signalCode !== null) return;
  const gone = ended(dev);
  dev.kill('SIGTERM');
  await gone;
}

function promise(kept, text) {
  if (!kept) throw new Error(`not true: ${text}`);
  console.log(`✔ ${text}`);
}

/** Ends the demo after Ctrl-C. */
function checkpoint() {
  if (stopping) throw new Stopped();
}

function title(text) {
  checkpoint();
  console.log(`\n── ${text} ──`);
}

/** The end of the worker's log. */
function workerLog() {
  try {
    return readFileSync(join(state, 'chandler/dev/worker.log'), 'utf8').split('\n').slice(-20).join('\n');
  } catch {
    return '(no worker log)';
  }
}

/** The environment without settings for other servers and workers. */
function ownEnvironment() {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(TEMPORAL_(ADDRESS|NAMESPACE)|CHANDLER_)/.test(name)),
  );
}
