// `npm test`: installs what is missing, runs all checks and tests, and ends with one line of counts.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { allOf, installPackages, installSystem, root, run } from './install.mjs';

await allOf(installPackages(), installSystem());
await allOf(run('npm', ['run', '--silent', 'check']), run('npm', ['run', '--silent', 'build']));

const dir = mkdtempSync(join(tmpdir(), 'chandler-test-'));
const report = join(dir, 'report.json');
const filters = process.argv.slice(2);
const vitest = spawnSync(
  process.execPath,
  [
    'node_modules/vitest/vitest.mjs',
    'run',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
    ...filters,
  ],
  { cwd: root, stdio: 'inherit' },
);
const { numPassedTests, numFailedTests, numPendingTests, numFailedTestSuites } = JSON.parse(
  readFileSync(report, 'utf8'),
);
rmSync(dir, { recursive: true });
// A test file that does not load counts as a failure.
const failed =
  numFailedTests === 0 && vitest.status !== 0 ? Math.max(1, numFailedTestSuites) : numFailedTests;
console.log(`${numPassedTests} passed, ${failed} failed, ${numPendingTests} skipped`);
process.exit(vitest.status ?? 1);
