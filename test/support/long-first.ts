import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Slow test files, the slowest first. Others take a few seconds. */
const LONG = [
  'integration/cli-hardness',
  'integration/faults',
  'integration/chaos',
  'host/launch',
  'host/launch-model',
  'zmx/shim',
  'integration/self-provisioning',
  'integration/doctor',
  'integration/zmx-versions',
  'integration/connect',
  'integration/watch',
  'integration/refusals',
  'workflows/handle-actions',
  'workflows/end-run',
  'workflows/steering',
  'integration/batch',
  'workflows/continue-as-new',
  'integration/cli',
  'integration/provision',
  'integration/temporal-ui',
].map((name) => join(root, 'test', `${name}.test.ts`));

/** Starts slow test files first: one that starts last leaves the other cores idle. */
export class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const gone = LONG.filter((path) => !existsSync(path));
    if (gone.length > 0) throw new Error(`long-first.ts names missing files: ${gone.join(', ')}`);
    const others = await super.sort(files.filter(({ moduleId }) => !LONG.includes(moduleId)));
    return [...LONG.flatMap((path) => files.filter(({ moduleId }) => moduleId === path)), ...others];
  }
}
