// `npm run fuzz:inputs`: sends generated arguments to every workflow, signal, update and query on a real dev server.
import { Command } from 'commander';
import { atLeast } from '../chaos/number-option.ts';
import { ensureBuilt } from '../test/support/built.ts';
import { startHarness } from '../test/workflows/harness.ts';
import { drawShapes } from './input-shapes.ts';
import { playShapes } from './play-inputs.ts';

const BATCH = 500;

const program = new Command('fuzz:inputs')
  .description('Sends generated arguments to every workflow, signal, update and query on a real dev server.')
  .option('--shapes <n>', 'shapes to send', atLeast(1), 10_000)
  .option('--seed <n>', 'draws the same shapes again', atLeast(0), Date.now() % 1_000_000)
  .option('--at-once <n>', 'shapes at once', atLeast(1), 8)
  .option('--patience <n>', 'multiplies the time limits, for a busy machine', atLeast(1), 1);
program.parse();
const { shapes, seed, atOnce, patience } = program.opts<{
  shapes: number;
  seed: number;
  atOnce: number;
  patience: number;
}>();

ensureBuilt();
const findings: string[] = [];
let played = 0;
const harness = await startHarness();
try {
  // In batches with their own seeds, so that not all large shapes are in memory.
  for (let batch = 0; played < shapes; batch += 1) {
    const drawn = drawShapes(seed + batch, Math.min(BATCH, shapes - played));
    const result = await playShapes(harness.env, drawn, {
      atOnce,
      patience,
      onFinding: (finding) => console.error(finding),
    });
    played += result.played;
    findings.push(...result.findings);
    console.error(`seed ${seed + batch}: ${played} of ${shapes} shapes, ${findings.length} findings`);
  }
} finally {
  await harness.stop();
}
console.log(`${played} shapes of seed ${seed}: ${findings.length} made a workflow task fail or a run hang`);
process.exitCode = findings.length === 0 ? 0 : 1;
