// `npm run chaos`: a seeded campaign of faults against real servers and hosts, judged by a ledger of what really ran.
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Command } from 'commander';
import { ensureBuilt } from '../test/support/built.ts';
import { playCampaign } from './campaign.ts';
import { atLeast } from './number-option.ts';
import { renderSummary, renderTable, type Tally } from './report.ts';

const program = new Command('chaos')
  .description(
    'Plays provisioning runs and fleets under faults and checks every promise by a ledger of what really ran.',
  )
  .option('--runs <n>', 'runs to play; 0: only fleets, until the time is over', atLeast(0), 50)
  .option('--seed <n>', 'draws the same runs and faults again', atLeast(0), Date.now() % 1_000_000)
  .option('--minutes <n>', 'begins no run and no fleet after this time', atLeast(0), 60)
  .option('--hosts <n>', 'sandbox hosts; each plays one run at a time', atLeast(1), 5)
  .option(
    '--fleets <n>',
    'further hosts, which play fleets of up to four hosts while runs are played; 0: no fleets',
    atLeast(0),
    4,
  )
  .option('--workers <n>', 'worker processes', atLeast(1), 3)
  .option('--series <percent>', 'how many runs are series: one plan, edited and run again', atLeast(0), 20)
  .option(
    '--out <dir>',
    'where ledger, logs and violations are kept (default: a folder under the temporary one)',
  );
program.parse();
const options = program.opts<{
  runs: number;
  seed: number;
  minutes: number;
  hosts: number;
  fleets: number;
  workers: number;
  series: number;
  out?: string;
}>();

const interrupt = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => interrupt.abort());
const live = process.stderr.isTTY;
const announce = (line: string) => void process.stderr.write(`${live ? '\r\x1b[K' : ''}${line}\n`);

const dir =
  options.out === undefined ? await mkdtemp(join(tmpdir(), 'chandler-chaos-')) : resolve(options.out);
await mkdir(dir, { recursive: true });
ensureBuilt();
const ANNOUNCED_EVERY_MS = 30_000;
const begunMs = Date.now();
let announcedMs = 0;
const tally = await playCampaign({
  ...options,
  dir,
  signal: interrupt.signal,
  announce,
  onProgress(tally) {
    const text = `${Math.round((Date.now() - begunMs) / 1000)} s  ${renderSummary(tally)}`;
    if (live) process.stderr.write(`\r\x1b[K${text}`);
    else if (Date.now() - announcedMs >= ANNOUNCED_EVERY_MS) {
      announcedMs = Date.now();
      announce(text);
    }
  },
});
if (live) process.stderr.write('\n');
await finish(tally);

async function finish(tally: Tally): Promise<void> {
  const text = `${renderTable(tally)}\n\n${renderSummary(tally)}\n`;
  await writeFile(join(dir, 'report.txt'), text);
  await new Promise((resolve) => process.stdout.write(text, resolve));
  process.exit(tally.violations === 0 && !interrupt.signal.aborted ? 0 : 1);
}
