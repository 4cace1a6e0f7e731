// `npm run bench`: what runs cost, beside other tools that do the same work on the same hosts. Writes docs/benchmarks.md.
import { mkdir, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { formatText } from '../scripts/format-text.ts';
import { ensureBuilt } from '../test/support/built.ts';
import { account } from './account.ts';
import { compare } from './compare.ts';
import { describeMachine, watchOthers } from './machine.ts';
import { notice } from './notice.ts';
import { parseOptions, type SectionName } from './options.ts';
import { renderPlot } from './plot.ts';
import { openStand, type Stand } from './stand.ts';
import { startUp } from './start-up.ts';
import { waitingCosts } from './waiting-costs.ts';

interface Section {
  readonly title: string;
  readonly measure: (stand: Stand) => Promise<string>;
}

const docsPage = fileURLToPath(new URL('../docs/benchmarks.md', import.meta.url));
const announce = (line: string) => void process.stderr.write(`${line}\n`);
const { only, rounds, hosts, out } = parseOptions(process.argv.slice(2));
const page = out === undefined ? docsPage : resolve(out);
const prints = only !== undefined && out === undefined;

const sections: Readonly<Record<SectionName, Section>> = {
  compare: { title: 'Beside other tools', measure: measureCompare },
  account: { title: 'What a run costs', measure: (stand) => account(stand, rounds, announce) },
  notice: { title: 'How soon an end is noticed', measure: notice },
  'start-up': { title: 'Start of a command', measure: (stand) => startUp(stand, rounds) },
  waiting: {
    title: 'What runs cost that wait',
    measure: (stand) => waitingCosts(stand, announce),
  },
};

ensureBuilt();
const hostCount = only === undefined || only === 'compare' ? Math.max(...hosts) : 1;
announce(`starting a Temporal server, a worker and ${hostCount === 1 ? '1 host' : `${hostCount} hosts`}`);
const opening = openStand(hostCount);
let interrupted: Promise<void> | undefined;
// npm sends a signal on that the terminal has also sent.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.on(signal, () => void (interrupted ??= interrupt()));
const stand = await opening;
try {
  await report(stand);
} catch (error) {
  // Without server and hosts everything fails.
  await interrupted;
  throw error;
} finally {
  await stand.stop();
}

async function interrupt(): Promise<void> {
  announce('stopping the server, the worker and the hosts');
  await opening.then(
    (stand) => stand.stop(),
    () => undefined,
  );
  process.exit(130);
}

/** Writes the page anew after each section, so that one that is interrupted keeps what was measured. */
async function report(stand: Stand): Promise<void> {
  const others = watchOthers(stand.cpuMs);
  const machine = await describeMachine();
  const measured: string[] = [];
  for (const [name, { title, measure }] of Object.entries(sections)) {
    if (only !== undefined && only !== name) continue;
    announce(`measuring: ${title}`);
    measured.push(`## ${title}`, await measure(stand));
    const facts = [...machine, `Hosts run ${stand.zmx} as zmx`, others()];
    await write([
      '# Benchmarks',
      'Measured and written by `npm run bench`, all in one run.',
      facts.map((line) => `- ${line}`).join('\n'),
      ...measured,
    ]);
  }
}

async function write(parts: readonly string[]): Promise<void> {
  const text = await formatText('benchmarks.md', parts.join('\n\n'));
  if (prints) {
    process.stdout.write(text);
    return;
  }
  await mkdir(dirname(page), { recursive: true });
  await writeFile(page, text);
  announce(`written: ${page}`);
}

async function measureCompare(stand: Stand): Promise<string> {
  const { text, panels } = await compare(stand, { hosts, rounds, announce });
  if (prints) return text;
  const title = 'Wall clock of the same work';
  const plot = join(dirname(page), 'images', `${basename(page, '.md')}.svg`);
  await mkdir(dirname(plot), { recursive: true });
  await writeFile(plot, renderPlot(title, panels));
  return `![${title}](images/${basename(plot)})\n\n${text}`;
}
