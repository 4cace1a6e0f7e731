import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Files that take long, the longest first. What is not named here takes a few seconds. */
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
  'workflows/messages',
  'workflows/steering',
  'integration/batch',
  'workflows/continue-as-new',
  'integration/cli',
  'integration/provision',
  'integration/temporal-ui',
].map((name) => join(root, 'test', `${name}.test.ts`));

/** Starts the long files first: one that starts last is waited for by idle cores. */
export class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const gone = LONG.filter((path) => !existsSync(path));
    if (gone.length > 0) throw new Error(`long-first.ts names what is not there: ${gone.join(', ')}`);
    const others = await super.sort(files.filter(({ moduleId }) => !LONG.includes(moduleId)));
    return [...LONG.flatMap((path) => files.filter(({ moduleId }) => moduleId === path)), ...others];
  }
}
