/** Recorded runs, replayed by the workflows of today: what was started before a deploy must go on after it. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { DeterminismViolationError } from '@temporalio/workflow';
import { Worker, type WorkflowBundleWithSourceMap } from '@temporalio/worker';
import { beforeAll, describe, expect, it } from 'vitest';
import { bundleWorkflows } from '../../src/bundle-workflows.ts';
import { recordings } from './recordings.ts';

const folder = fileURLToPath(new URL('../fixtures/histories', import.meta.url));

describe('a recorded history', () => {
  const files = readdirSync(folder);
  const read = (file: string) => readFileSync(`${folder}/${file}`, 'utf8');
  let workflowBundle: WorkflowBundleWithSourceMap;
  beforeAll(async () => {
    workflowBundle = await bundleWorkflows();
  });
  const replay = (text: string) => Worker.runReplayHistory({ workflowBundle }, JSON.parse(text), 'recorded');

  it('is there for each way a run can go', () => {
    const names = Object.keys(recordings).map((name) => `${name}.json`);
    expect(files.toSorted()).toEqual(names.toSorted());
  });

  it.each(files)('%s is replayed without a difference', async (file) => {
    await expect(replay(read(file))).resolves.toBeUndefined();
  });

  it('of other orders than ours is refused', async () => {
    const changed = read('provisioned.json').replaceAll('"installZmx"', '"installAnother"');
    await expect(replay(changed)).rejects.toBeInstanceOf(DeterminismViolationError);
  });
});
