// `npm run record:session`: takes a step that is parked to its retried success in `chandler watch`, in a real terminal,
// against a real server, worker and host, and measures how long each key takes to show its effect. It does so several
// times; the first is recorded in docs/session.cast, and docs/session.md tells all of it.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { connect, type ChandlerClient } from '../src/client.ts';
import { ensureBuilt } from '../test/support/built.ts';
import { findStatus } from '../test/support/find-status.ts';
import { startHost, type TestHost } from '../test/support/hosts.ts';
import { poll } from '../test/support/poll.ts';
import { startTestServer } from '../test/support/temporal.ts';
import { startTmux, type TmuxTerminal } from '../test/support/tmux.ts';

const ROUNDS = 5;
const COLUMNS = 100;
const ROWS = 20;
/** What each key has to show within. */
const PROMISED_MS = 1000;
/** For who watches the recording; no part of what is measured. */
const LOOK_MS = 1500;

const root = fileURLToPath(new URL('..', import.meta.url));
const cli = join(root, 'dist/cli/main.js');

/** What is pressed, and what is to be seen then. */
const ACTIONS = [
  {
    key: 'l',
    does: 'opens the log of the step that is parked',
    shows: /log of network \(try 1\)[^]*is the cable in\?/,
  },
  { key: 'r', does: 'asks to run the step again', shows: /\[y\/n\] retry network/ },
  { key: 'y', does: 'confirms: the second try is under way', shows: /log of network \(try 2\)/ },
] as const;
const SUCCESS = /log of network \(try 2\) · ✔ succeeded[^]*the lease is/;

/** One time through: milliseconds of each action, then from the last key to the success. */
interface Round {
  readonly actionMs: readonly number[];
  readonly successMs: number;
  readonly frames: readonly string[];
}

ensureBuilt();
const dir = mkdtempSync(join(tmpdir(), 'chandler-session-'));
const server = await startTestServer();
const host = await startHost();
const worker = await startWorker();
const client = await connect({ address: server.address });
try {
  const rounds: Round[] = [];
  for (let i = 0; i < ROUNDS; i += 1) rounds.push(await play(i, i === 0));
  writeFileSync(join(root, 'docs/session.md'), await toPage(rounds));
  const slow = rounds.flatMap(({ actionMs }) => actionMs).filter((ms) => ms > PROMISED_MS);
  for (const { actionMs, successMs } of rounds)
    console.log([...actionMs, successMs].map(Math.round).join(' ms, '), 'ms');
  if (slow.length > 0) {
    console.error(`${slow.length} actions took longer than ${PROMISED_MS} ms; is the machine busy?`);
    process.exitCode = 1;
  }
} finally {
  await client.close();
  worker.kill('SIGKILL');
  await host.stop();
  await server.stop();
  rmSync(dir, { recursive: true, force: true });
}

/** A worker as an operator starts it, with this one host's key. */
async function startWorker() {
  const child = spawn(process.execPath, [cli, 'worker'], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: {
      PATH: process.env['PATH'],
      HOME: dir,
      TEMPORAL_ADDRESS: server.address,
      CHANDLER_IDENTITIES: join(host.identity, '..'),
      CHANDLER_KNOWN_HOSTS: host.knownHosts,
      CHANDLER_ZMX_SOURCE: 'tmux',
    },
  });
  let log = '';
  child.stderr.on('data', (chunk: Buffer) => (log += chunk.toString()));
  await poll(
    () => log.includes('worker started'),
    'the worker starts',
    () => log,
  );
  return child;
}

async function play(number: number, record: boolean): Promise<Round> {
  const id = `web-${number + 1}`;
  await startRun(client, host, id);
  await poll(async () => (await findStatus(client, id))?.attention === true, 'the step is parked');
  const terminal = await startTmux({
    columns: COLUMNS,
    rows: ROWS,
    env: { TEMPORAL_ADDRESS: server.address },
  });
  await terminal.type(`PS1='$ '; chandler() { node ${cli} "$@"; }; clear`);
  await terminal.press('Enter');
  await terminal.until(/^\$$/);
  const recording = record ? await startRecording(terminal) : undefined;
  try {
    await terminal.type(`chandler watch ${id}`);
    await terminal.press('Enter');
    const frames = [await terminal.until(/NEEDS A PERSON +network/)];
    const actionMs: number[] = [];
    let lastKeyMs = 0;
    for (const { key, shows } of ACTIONS) {
      await look();
      lastKeyMs = performance.now();
      recording?.mark(key);
      await terminal.press(key);
      frames.push(await terminal.until(shows));
      actionMs.push(performance.now() - lastKeyMs);
    }
    frames.push(await terminal.until(SUCCESS));
    const successMs = performance.now() - lastKeyMs;
    await look();
    await terminal.press('Escape');
    frames.push(await terminal.until(/network +✔ succeeded +2/));
    await look();
    await terminal.press('q');
    await terminal.until(/\$$/);
    return { actionMs, successMs, frames };
  } finally {
    await recording?.stop();
    await terminal.stop();
    await client.result(id);
  }
}

/** The plan of `npm run demo`, but for its other steps: the one that fails on its first try. */
async function startRun(client: ChandlerClient, host: TestHost, workflowId: string): Promise<void> {
  const script = [
    "echo 'asking for a lease'",
    'sleep 1',
    '[ "$CHANDLER_GENERATION" -gt 1 ] || { echo "no answer from 10.0.0.1: is the cable in?" >&2; exit 3; }',
    "echo 'the lease is 10.0.0.17'",
  ];
  await client.start(
    {
      name: 'demo',
      target: { host: host.host, port: host.port, identity: 'identity', hostKey: host.hostKey },
      sentinel: { whenPresent: 'ignore' },
      steps: [
        { name: 'packages', script: 'for n in 1 2 3 4 5; do echo "unpacking $n"; sleep 3; done' },
        { name: 'network', script: script.join('\n') },
        { name: 'site', needs: ['network'], script: 'echo "writing index.html"; sleep 1' },
      ],
    },
    { workflowId },
  );
}

/** Writes what the terminal gets as an asciicast (https://docs.asciinema.org/manual/asciicast/v2/). */
async function startRecording(terminal: TmuxTerminal) {
  const fifo = join(dir, 'output');
  execFileSync('mkfifo', [fifo]);
  const head = {
    version: 2,
    width: COLUMNS,
    height: ROWS,
    title: 'From a parked step to its retried success',
  };
  const lines = [JSON.stringify({ ...head, env: { TERM: 'xterm-256color' } })];
  const stream = createReadStream(fifo, { encoding: 'utf8' });
  const beganMs = performance.now();
  const note = (kind: 'o' | 'm', data: string | Buffer) => {
    lines.push(
      JSON.stringify([Number(((performance.now() - beganMs) / 1000).toFixed(6)), kind, String(data)]),
    );
  };
  stream.on('data', (chunk) => note('o', chunk));
  const end = once(stream, 'end');
  await terminal.pipeTo(`cat > ${fifo}`);
  note('o', '\u001b[2J\u001b[H$ ');
  return {
    mark: (key: string) => note('m', key),
    async stop() {
      // Without a command the pipe is closed.
      await terminal.pipeTo('');
      await end;
      writeFileSync(join(root, 'docs/session.cast'), `${lines.join('\n')}\n`);
    },
  };
}

function look(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, LOOK_MS));
}

async function toPage(rounds: readonly Round[]): Promise<string> {
  const [first] = rounds;
  const captions = [
    'A step is parked.',
    ...ACTIONS.map(({ key, does }) => `\`${key}\` ${does}.`),
    'It has succeeded, in the same log.',
    '`Esc` goes back to the steps.',
  ];
  const rows = [
    ...ACTIONS.map(
      ({ key, does }, i) => [key, does, rounds.map(({ actionMs }) => actionMs[i] ?? 0)] as const,
    ),
    [
      '',
      'from `y` to the success, which has the second of its own time in it',
      rounds.map(({ successMs }) => successMs),
    ] as const,
  ];
  const table = rows.map(([key, does, all]) => {
    const sorted = all.toSorted((a, b) => a - b);
    const cells = [sorted[0], sorted[Math.floor(sorted.length / 2)], sorted.at(-1)].map(
      (value = 0) => `${Math.round(value)} ms`,
    );
    return `| ${key === '' ? '' : `\`${key}\``} | ${does} | ${cells.join(' | ')} |`;
  });
  const text = `# From a parked step to its retried success

\`npm run record:session\` has written this page and [session.cast](session.cast), which \`asciinema play docs/session.cast\`
shows. It starts a Temporal server, a worker and a host with a real sshd, runs a plan of which one step fails on its first
try, and presses the keys below in \`chandler watch\` in a terminal of tmux.

Measured is the time from before a key is sent to when its effect is read off the screen, ${rounds.length} times, on a machine with
${cpus().length} cores and a load of ${loadavg()[0]?.toFixed(1)}:

| key | what it does | fastest | median | slowest |
| --- | ------------ | ------- | ------ | ------- |
${table.join('\n')}

What the first time looked like:

${(first?.frames ?? []).map((frame, i) => `${captions[i] ?? ''}\n\n\`\`\`text\n${frame}\n\`\`\``).join('\n\n')}
`;
  return format(text, { ...(await resolveConfig(join(root, 'docs/session.md'))), parser: 'markdown' });
}
