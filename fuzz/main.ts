// `npm run fuzz:logins`: provisions under generated startup files and sshd directives, and judges each run.
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { atLeast } from '../chaos/number-option.ts';
import { ensureBuilt } from '../test/support/built.ts';
import { startTestServer } from '../test/support/temporal.ts';
import { drawCase } from './cases.ts';
import { fuzzLogins } from './fuzz.ts';
import { renderNamed, renderSummary, renderTable, renderViolations } from './report.ts';

const program = new Command('fuzz:logins')
  .description('Provisions under generated startup files and sshd directives, and judges each run.')
  .option('--cases <n>', 'cases to play', atLeast(1), 200)
  .option('--seed <n>', 'draws the same cases again', atLeast(0), Date.now() % 1_000_000)
  .option('--case <index>', 'plays this case only', atLeast(0))
  .option('--at-once <n>', 'cases at once', atLeast(1), 6)
  .option('--patience <n>', 'multiplies the time limits, for a busy machine', atLeast(1), 1);
program.parse();
const {
  cases,
  seed,
  case: only,
  atOnce,
  patience,
} = program.opts<{
  cases: number;
  seed: number;
  case?: number;
  atOnce: number;
  patience: number;
}>();

const interrupt = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => interrupt.abort());
const indexes = only === undefined ? Array.from({ length: cases }, (_, index) => index) : [only];
const dir = await mkdtemp(join(tmpdir(), 'chandler-fuzz-'));
console.error(`seed ${seed}; logs are in ${dir}`);
ensureBuilt();
const server = await startTestServer();
try {
  const played = await fuzzLogins({
    dir,
    address: server.address,
    cases: indexes.map((index) => drawCase(seed, index)),
    atOnce,
    patience,
    signal: interrupt.signal,
    onPlayed(it) {
      if (it.verdict.outcome === 'violation') console.error(renderViolations(it, seed));
    },
  });
  const violations = played.filter(({ verdict }) => verdict.outcome === 'violation');
  const text = `${renderTable(played)}\n\n${renderSummary(played)}\n`;
  await writeFile(
    join(dir, 'report.txt'),
    [
      ...played.filter(({ verdict }) => verdict.outcome === 'named').map(renderNamed),
      ...violations.map((it) => renderViolations(it, seed)),
      text,
    ].join('\n\n'),
  );
  process.stdout.write(text);
  process.exitCode = violations.length === 0 && !interrupt.signal.aborted ? 0 : 1;
} finally {
  await server.stop();
}
