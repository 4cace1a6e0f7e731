// `npm run record:fleet`: rolls a plan out to 1,000 simulated hosts in a real terminal and against a real server and worker: a canary,
// then wave by wave, with hosts that fail. docs/fleet.cast is the recording, and docs/fleet-session.md shows its screens.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { openSimulatedStand } from '../bench/simulated-stand.ts';
import { quote } from '../src/shell/index.ts';
import { ensureBuilt } from '../test/support/built.ts';
import { startTmux } from '../test/support/tmux.ts';
import { startRecording } from './start-recording.ts';
import { formatText } from './format-text.ts';

const HOSTS = 1000;
const COLUMNS = 110;
const ROWS = 30;
/** A pause for viewers of the recording. */
const PAUSE_MS = 2000;
const root = fileURLToPath(new URL('..', import.meta.url));
const cli = join(root, 'dist/cli/main.js');

const PLAN = {
  name: 'site',
  steps: [{ name: 'release', script: 'sleep 2\necho 1.27 > /root/release' }],
  onStepFailure: 'fail',
};

ensureBuilt();
const dir = mkdtempSync(join(tmpdir(), 'chandler-record-fleet-'));
const queue = 'record-fleet';
// Seed, latency in milliseconds, share of the hosts on which the step fails at first.
const stand = await openSimulatedStand(queue, ['3', '5', '0.01']);
const env = { TEMPORAL_ADDRESS: stand.address, CHANDLER_TASK_QUEUE: queue };
const file = (name: string, content: unknown) => writeFileSync(join(dir, name), stringify(content));
file('site.yaml', PLAN);
file('hosts.yaml', {
  hosts: Object.fromEntries(
    Array.from({ length: HOSTS }, (_, i) => [`web${i + 1}`, { target: stand.targetOf(i) }]),
  ),
});
const terminal = await startTmux({ columns: COLUMNS, rows: ROWS, env });
try {
  await terminal.type(`cd ${dir}; PS1='$ '; chandler() { node ${cli} "$@"; }; clear`);
  await terminal.press('Enter');
  await terminal.until(/^\$$/);
  const recording = await startRecording(terminal, {
    file: join(root, 'docs/fleet.cast'),
    title: 'A fleet: from a canary to 1,000 hosts',
    columns: COLUMNS,
    rows: ROWS,
  });
  const frames: { readonly caption: string; readonly screen: string }[] = [];
  const show = async (caption: string, shows: RegExp) => {
    frames.push({ caption, screen: await terminal.until(shows) });
    await delay(PAUSE_MS);
  };
  const elsewhere = (...args: readonly string[]) => {
    const text = execFileSync(process.execPath, [cli, ...args], {
      encoding: 'utf8',
      env: { ...process.env, ...env },
    });
    return `\n\n\`\`\`console\n$ chandler ${args.map((arg) => quote(arg)).join(' ')}\n${text.trim()}\n\`\`\``;
  };
  await terminal.type(
    'chandler fleet up site.yaml --hosts hosts.yaml --waves 1,50,100% --pause promote --max-failures 2% --concurrency 100 --no-preflight',
  );
  await terminal.press('Enter');
  await show(
    'The first wave is a single host, and the next one waits for an operator.',
    /waiting for promote/,
  );
  await terminal.press('Enter');
  await show('`Enter` opens the run of the canary.', /release +✔ succeeded/);
  await terminal.press('Escape');
  await terminal.until(/waiting for promote/);
  await show(
    `An operator promotes the fleet in another terminal:${elsewhere('fleet', 'promote', 'site', '--reason', 'the canary is well')}`,
    /wave 2 of 3/,
  );
  await show('The second wave is over.', /wave 2 of 3 over, waiting for promote/);
  elsewhere('fleet', 'promote', 'site');
  await show('The third wave has all other hosts, 100 at a time.', /wave 3 of 3[^]*\[#{12}/);
  await show('Some hosts have failed, fewer than the limit.', /wave 3 of 3[^]*\[[#!]{30}[^]*[1-9]\d* failed/);
  await show('The fleet is over.', /The fleet site is over, and some hosts failed/);
  const report = elsewhere('fleet', 'hosts', 'site', '--state', 'failed');
  frames.push({ caption: `Every host is accounted for:${report}`, screen: '' });
  await recording.stop();
  writeFileSync(join(root, 'docs/fleet-session.md'), await toPage(frames));
} finally {
  await terminal.stop();
  await stand.stop();
  rmSync(dir, { recursive: true, force: true });
}

async function toPage(
  frames: readonly { readonly caption: string; readonly screen: string }[],
): Promise<string> {
  const text = `# A recorded rollout: from a canary to 1,000 hosts

\`npm run record:fleet\` writes this page and [fleet.cast](fleet.cast); \`asciinema play docs/fleet.cast\` plays it. It starts a Temporal
server and a worker, and rolls a plan out to 1,000 hosts. These are simulated: one SSH server answers as the hosts would. The step fails on
one host in a hundred. How to do this with your hosts is described in [Roll out to a fleet](fleets.md).

${frames.map(({ caption, screen }) => `${caption}${screen === '' ? '' : `\n\n\`\`\`text\n${screen.replaceAll(/\n{3,}/g, '\n\n')}\n\`\`\``}`).join('\n\n')}
`;
  return formatText('fleet-session.md', text);
}
