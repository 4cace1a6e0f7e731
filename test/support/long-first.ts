import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Slow test files, the slowest first. Others take a few seconds. */
const LONG = [
  'integration/clients',
  'integration/access',
  'integration/docs',
  'host/start-waiting',
  'host/launch',
  'integration/faults',
  'integration/chaos',
  'integration/cli-hardness',
  'host/terminal',
  'integration/self-provisioning',
  'integration/leftovers',
  'integration/controls',
  'integration/temporal-ui',
  'integration/doctor',
  'integration/unchanged',
  'host/launch-model',
  'integration/logins',
  'zmx/shim',
  'integration/connect',
  'integration/zmx-versions',
  'integration/watch',
  'integration/refusals',
  'integration/cli',
  'integration/package',
  'integration/batch',
  'integration/drift',
  'integration/provision',
  'integration/steering',
  'host/place-files-attacks',
  'host/keyboard',
  'integration/login-fuzz',
  'integration/ephemeral',
  'workflows/access',
  'workflows/handle-actions',
  'workflows/end-run',
  'workflows/steering',
  'workflows/action-inbox',
  'workflows/input-shapes',
  'workflows/continue-as-new',
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
