import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Slow test files, the slowest first. Others take a few seconds. */
const LONG = [
  'integration/clients',
  'integration/docs',
  'integration/self-provisioning',
  'integration/first-boot',
  'integration/doctor',
  'integration/unchanged',
  'integration/leftovers',
  'integration/controls',
  'integration/faults',
  'integration/cli-hardness',
  'host/start-waiting',
  'integration/connect',
  'integration/chaos',
  'integration/cli',
  'host/launch',
  'integration/refusals',
  'integration/package',
  'zmx/shim',
  'host/terminal',
  'integration/logins',
  'integration/watch',
  'integration/zmx-versions',
  'integration/access',
  'integration/drift',
  'integration/temporal-ui',
  'integration/batch',
  'host/launch-model',
  'host/install-zmx',
  'integration/provision',
  'host/host-report',
  'host/place-files-attacks',
  'host/keyboard',
  'integration/ephemeral',
  'integration/steering',
  'integration/login-fuzz',
  'workflows/access',
  'workflows/continue-as-new',
  'workflows/steering',
  'workflows/handle-actions',
  'workflows/action-inbox',
  'workflows/input-shapes',
  'workflows/end-run',
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
