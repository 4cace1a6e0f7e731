/** Recorded runs, replayed by the workflows of today: what was started before a deploy must go on after it. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { DeterminismViolationError } from '@temporalio/workflow';
import { Worker } from '@temporalio/worker';
import { describe, expect, it } from 'vitest';
import { workflowBundle } from '../support/built.ts';
import { recordings } from './recordings.ts';

const folder = fileURLToPath(new URL('../fixtures/histories', import.meta.url));

/** What to do when a recording does not replay. */
const ADVICE = `The workflow does something else than what is recorded, so runs that are open would break.
- Keep the old way for them: if (patched('what-changed')) { the new way } else { the old way },
  then \`npm run record NAME\` under a new name for the new way; or
- deploy with worker versioning (CHANDLER_DEPLOYMENT_NAME, CHANDLER_BUILD_ID), so that runs end on the build they began
  with; or
- if no run of that time can be open anywhere, record it anew: \`npm run record NAME\`.
See docs/durability.md.`;

describe('a recorded history', () => {
  const files = readdirSync(folder);
  const read = (file: string) => readFileSync(`${folder}/${file}`, 'utf8');
  const replay = (text: string) => Worker.runReplayHistory({ workflowBundle }, JSON.parse(text), 'recorded');

  it('exists for each recording', () => {
    expect(files).toEqual(expect.arrayContaining(Object.keys(recordings).map((name) => `${name}.json`)));
  });

  it.each(files)('%s replays without a difference', async (file) => {
    const outcome = replay(read(file)).catch((cause: unknown) => {
      throw new Error(ADVICE, { cause });
    });
    await expect(outcome).resolves.toBeUndefined();
  });

  it('with other commands is refused', async () => {
    const changed = read('provisioned.json').replaceAll('"installZmx"', '"installAnother"');
    await expect(replay(changed)).rejects.toBeInstanceOf(DeterminismViolationError);
  });
});
