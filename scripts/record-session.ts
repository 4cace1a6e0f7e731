// `npm run record:session`: retries a parked step in `chandler watch`, in a real terminal and against a real server, worker
// and host, several times, and measures how long each key takes to show its effect. The first round is recorded in
// docs/session.cast and continues: a signal is refused, an activity is paused, and a step waits for input. docs/session.md
// shows all of it.
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { quote } from '../src/shell/index.ts';
import { connect, type ChandlerClient } from '../src/client.ts';
import { startRecording } from './start-recording.ts';
import { ensureBuilt } from '../test/support/built.ts';
import { findStatus } from '../test/support/find-status.ts';
import { startHost, type TestHost } from '../test/support/hosts.ts';
import { poll } from '../test/support/poll.ts';
import { startTestServer, testCli } from '../test/support/temporal.ts';
import { startTmux, type TmuxTerminal } from '../test/support/tmux.ts';
import { formatText } from './format-text.ts';

const ROUNDS = 5;
const COLUMNS = 100;
const ROWS = 24;
/** The limit for each key. */
const PROMISED_MS = 1000;
/** A pause for viewers of the recording; not measured. */
const LOOK_MS = 1500;

const root = fileURLToPath(new URL('..', import.meta.url));
const cli = join(root, 'dist/cli/main.js');

/** The keys, and what each shows. */
const ACTIONS = [
  {
    key: 'l',
    does: 'opens the log of the step that is parked',
    shows: /log of network \(attempt 1\)[^]*is the cable in\?/,
  },
  { key: 'r', does: 'asks to run the step again', shows: /\[y\/n\] retry network/ },
  { key: 'y', does: 'confirms: the second attempt starts', shows: /log of network \(attempt 2\)/ },
] as const;
const ASKING = 'read -rp "Publish the site? [y/N] " answer; [ "$answer" = y ] && echo "writing index.html"';
/** Seconds that the first step of the run takes: longer than the walk, of which its wait is paused. */
const SHORT_S = 15;
const LONG_S = 75;

const SUCCESS = /log of network \(attempt 2\) · ✔ succeeded[^]*the lease is/;

/** A screen, and what led to it. */
interface Frame {
  readonly caption: string;
  readonly screen: string;
}

/** One time through: milliseconds of each action, then from the last key to the success. */
interface Round {
  readonly actionMs: readonly number[];
  readonly successMs: number;
  readonly frames: readonly Frame[];
}

ensureBuilt();
const dir = mkdtempSync(join(tmpdir(), 'chandler-session-'));
const server = await startTestServer();
const temporalCli = (await testCli()).path;
const host = await startHost();
/** For the worker, and for the operator who attaches. */
const places = { CHANDLER_IDENTITIES: join(host.identity, '..'), CHANDLER_KNOWN_HOSTS: host.knownHosts };
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
      ...places,
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
  await startRun(client, host, id, record ? LONG_S : SHORT_S);
  await poll(async () => (await findStatus(client, id))?.attention === true, 'the step is parked');
  const terminal = await startTmux({
    columns: COLUMNS,
    rows: ROWS,
    env: { TEMPORAL_ADDRESS: server.address, ...places },
  });
  await terminal.type(`PS1='$ '; chandler() { node ${cli} "$@"; }; clear`);
  await terminal.press('Enter');
  await terminal.until(/^\$$/);
  const recording = record
    ? await startRecording(terminal, {
        file: join(root, 'docs/session.cast'),
        title: 'A recorded session: from a parked step to a provisioned host',
        columns: COLUMNS,
        rows: ROWS,
      })
    : undefined;
  try {
    await terminal.type(`chandler watch ${id}`);
    await terminal.press('Enter');
    const frames: Frame[] = [];
    const show = async (caption: string, shows: RegExp) => {
      frames.push({ caption, screen: await terminal.until(shows) });
    };
    await show('A step is parked.', /NEEDS ATTENTION +network/);
    const actionMs: number[] = [];
    let lastKeyMs = 0;
    for (const { key, does, shows } of ACTIONS) {
      await look();
      lastKeyMs = performance.now();
      recording?.mark(key);
      await terminal.press(key);
      await show(`\`${key}\` ${does}.`, shows);
      actionMs.push(performance.now() - lastKeyMs);
    }
    await show('The attempt has succeeded, in the same log.', SUCCESS);
    const successMs = performance.now() - lastKeyMs;
    await look();
    await terminal.press('Escape');
    await show('`Esc` goes back to the steps.', /network +✔ succeeded +2/);
    await look();
    if (record) await walkOn(terminal, id, show);
    await terminal.press('q');
    await terminal.until(/\$$/);
    // Otherwise the run waits forever.
    await client.result(id);
    return { actionMs, successMs, frames };
  } finally {
    await recording?.stop();
    await terminal.stop();
  }
}

/** Actions from outside, and a step that waits for input. */
async function walkOn(
  terminal: TmuxTerminal,
  id: string,
  show: (caption: string, shows: RegExp) => Promise<void>,
): Promise<void> {
  const send = async (message: string, args: readonly string[], shows: RegExp) => {
    execFileSync(temporalCli, [...args, '--address', server.address], { stdio: 'pipe' });
    await show(
      `${message}\n\n\`\`\`console\n$ temporal ${args.map((arg) => quote(arg)).join(' ')}\n\`\`\``,
      shows,
    );
    await look();
  };
  const signal = [
    'workflow',
    'signal',
    '--workflow-id',
    id,
    '--name',
    'retryStep',
    '--input',
    '{"step":"netwrk"}',
  ];
  await send(
    'A signal names a step that does not exist. The run refuses it, with the reason:',
    signal,
    /refused/,
  );

  const activity = ['--workflow-id', id, '--activity-id', await findWait(id, 'packages')];
  const pause = ['activity', 'pause', ...activity, '--identity', 'ann@desk', '--reason', 'looking'];
  await send(
    "Temporal's own command pauses an activity, the wait for `packages`:",
    pause,
    /paused by Temporal's activity pause/,
  );
  await send(
    'Another one unpauses it:',
    ['activity', 'unpause', ...activity],
    /packages +▶ running +1 +[^]*unpacking/,
  );

  await show('Meanwhile `site` waits for input.', /waiting for input: Publish the site\?/);
  await look();
  await terminal.press('Home', 'a');
  await show('`a` attaches to its terminal.', /^Publish the site\? \[y\/N\]/m);
  await look();
  await terminal.type('y');
  await terminal.press('Enter');
  await look();
  await terminal.press('C-\\');
  await show('After the answer, `Ctrl-\\` detaches.', /site +✔ succeeded +1/);
  await show('The host is provisioned.', /is provisioned in /);
  await look();
}

/** The id of the activity that waits for a step. */
async function findWait(id: string, step: string): Promise<string> {
  const { raw } = await client.temporal.workflow.getHandle(id).describe();
  const { payloadConverter } = client.temporal.options.loadedDataConverter;
  const wait = (raw.pendingActivities ?? []).find(({ heartbeatDetails }) => {
    const [payload] = heartbeatDetails?.payloads ?? [];
    return payload && payloadConverter.fromPayload<{ step?: string }>(payload).step === step;
  });
  if (!wait?.activityId) throw new Error(`no activity waits for ${step}`);
  return wait.activityId;
}

/** The plan of `npm run demo` with other steps around the one that fails on its first attempt. */
async function startRun(
  client: ChandlerClient,
  host: TestHost,
  workflowId: string,
  packagesS: number,
): Promise<void> {
  const script = [
    "echo 'asking for a lease'",
    'sleep 1',
    '[ "$CHANDLER_ATTEMPT" -gt 1 ] || { echo "no answer from 10.0.0.1: is the cable in?" >&2; exit 3; }',
    "echo 'the lease is 10.0.0.17'",
  ];
  await client.start(
    {
      name: 'demo',
      target: { host: host.host, port: host.port, identity: 'identity', hostKey: host.hostKey },
      sentinel: { whenPresent: 'ignore' },
      // Later rounds have steps that are unchanged.
      run: { force: true },
      steps: [
        {
          name: 'packages',
          script: `for n in $(seq ${packagesS / 3}); do echo "unpacking $n"; sleep 3; done`,
        },
        { name: 'network', script: script.join('\n') },
        {
          name: 'site',
          needs: ['network'],
          script: packagesS === LONG_S ? ASKING : 'echo "writing index.html"',
        },
      ],
    },
    { workflowId },
  );
}

function look(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, LOOK_MS));
}

async function toPage(rounds: readonly Round[]): Promise<string> {
  const [first] = rounds;
  const rows = [
    ...ACTIONS.map(
      ({ key, does }, i) => [key, does, rounds.map(({ actionMs }) => actionMs[i] ?? 0)] as const,
    ),
    [
      '',
      'from `y` to the success; the step itself takes one second',
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
  const text = `# A recorded session: from a parked step to a provisioned host

\`npm run record:session\` writes this page and [session.cast](session.cast); \`asciinema play docs/session.cast\` plays it. It
starts a Temporal server, a worker and a host with a real sshd, runs a plan with a step that fails on its first attempt, and
presses the keys below in \`chandler watch\` in a tmux terminal. The first round continues: the run refuses a signal, Temporal's own
command pauses an activity, and a step waits for input.

The times run from sending a key to reading its effect off the screen: ${rounds.length} rounds, on a machine with ${cpus().length} cores and
a load of ${loadavg()[0]?.toFixed(1)}:

| key | what it does | fastest | median | slowest |
| --- | ------------ | ------- | ------ | ------- |
${table.join('\n')}

The first round:

${(first?.frames ?? []).map(({ caption, screen }) => `${caption}\n\n\`\`\`text\n${screen}\n\`\`\``).join('\n\n')}
`;
  return formatText('session.md', text);
}
