// `npm run bench`: what runs cost, beside other tools that do the same work on the same hosts. Writes docs/benchmarks.md.
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { ensureBuilt } from '../test/support/built.ts';
import { account } from './account.ts';
import { describeMachine } from './machine.ts';
import { notice } from './notice.ts';
import { parseOptions, type BenchOptions, type SectionName } from './options.ts';
import { openStand, type Stand } from './stand.ts';

interface Section {
  readonly title: string;
  readonly measure: (stand: Stand) => Promise<string>;
}

const page = fileURLToPath(new URL('../docs/benchmarks.md', import.meta.url));
const announce = (line: string) => void process.stderr.write(`${line}\n`);
const options = parseOptions(process.argv.slice(2));

const sections: Readonly<Record<SectionName, Section>> = {
  account: { title: 'What a run costs', measure: (stand) => account(stand, options.rounds, announce) },
  notice: { title: 'How soon an end is noticed', measure: notice },
};

let undo = async () => {};
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.once(signal, () => {
    announce('stopping the server, the worker and the hosts');
    void undo().finally(() => process.exit(130));
  });

ensureBuilt();
const stand = await openStand(1, (stop) => (undo = stop));
try {
  await report(stand, options);
} finally {
  await stand.stop();
}

async function report(stand: Stand, { only, rounds, out }: BenchOptions): Promise<void> {
  const parts = [
    '# Benchmarks',
    'Measured and written by `npm run bench`, in one run.',
    [...(await describeMachine()), `Hosts run ${stand.zmx} as zmx`, `Rounds: ${rounds}`]
      .map((line) => `- ${line}`)
      .join('\n'),
  ];
  for (const [name, { title, measure }] of Object.entries(sections)) {
    if (only !== undefined && only !== name) continue;
    announce(`measuring: ${title}`);
    parts.push(`## ${title}`, await measure(stand));
  }
  const file = out === undefined ? page : resolve(out);
  const text = await format(parts.join('\n\n'), { ...(await resolveConfig(page)), filepath: file });
  if (only !== undefined && out === undefined) return void process.stdout.write(text);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, text);
  announce(`written: ${file}`);
}
