import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Slow test files of each project, the slowest first. Others take a few seconds. */
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
  'integration/connect',
  'integration/chaos',
  'integration/cli',
  'integration/refusals',
  'integration/package',
  'integration/logins',
  'integration/watch',
  'integration/zmx-versions',
  'integration/access',
  'integration/drift',
  'integration/temporal-ui',
  'integration/batch',
  'integration/provision',
  'integration/ephemeral',
  'integration/steering',
  'integration/login-fuzz',
  'host/start-waiting',
  'host/launch',
  'zmx/shim',
  'host/terminal',
  'host/launch-model',
  'host/install-zmx',
  'host/host-report',
  'host/place-files-attacks',
  'host/keyboard',
  'workflows/access',
  'workflows/continue-as-new',
  'workflows/steering',
  'workflows/handle-actions',
  'workflows/action-inbox',
  'workflows/input-shapes',
  'workflows/end-run',
].map((name) => join(root, 'test', `${name}.test.ts`));

/**
 * Starts all files of a project before those of the next: a process ends unless the next file is of its own project. Starts slow
 * files first: one that starts last leaves the other cores idle.
 */
export class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const gone = LONG.filter((path) => !existsSync(path));
    if (gone.length > 0) throw new Error(`long-first.ts names missing files: ${gone.join(', ')}`);
    const others = await super.sort(files.filter(({ moduleId }) => !LONG.includes(moduleId)));
    const slowFirst = [
      ...LONG.flatMap((path) => files.filter(({ moduleId }) => moduleId === path)),
      ...others,
    ];
    const projects = new Set(slowFirst.map(({ project }) => project));
    return [...projects].flatMap((project) => slowFirst.filter((file) => file.project === project));
  }
}
