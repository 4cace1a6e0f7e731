// `npm run record [NAME…]`: runs the named recordings, or all, and keeps their histories for the replay test.
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import proto from '@temporalio/common/lib/proto-utils.js';
import type { ChandlerClient } from '../src/client.ts';
import { ensureBuilt } from '../test/support/built.ts';
import { fakeActivities, startHarness } from '../test/workflows/harness.ts';
import { recordings } from '../test/workflows/recordings.ts';
import { formatText } from './format-text.ts';

ensureBuilt();
const wanted = process.argv.slice(2);
const harness = await startHarness({ suggestContinueAsNewAt: 100 });
for (const [name, { changes, steps = [], options = {}, watch, act }] of Object.entries(recordings)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  const { activities } = fakeActivities(changes);
  const play = async (client: ChandlerClient, id: string) => {
    await act?.(client, id);
    await client.result(id);
    const { runId } = await client.temporal.workflow.getHandle(id).describe();
    await keep(name, id, runId);
  };
  if (watch) await harness.watch(activities, watch, play);
  else await harness.run(activities, steps, options, play);
}
await harness.stop();

/** Writes the history of a run to NAME.json, and those that it continues to NAME-1.json, NAME-2.json, … Returns their number. */
async function keep(name: string, workflowId: string, runId: string, isLast = true): Promise<number> {
  const history = await harness.env.client.workflow.getHandle(workflowId, runId).fetchHistory();
  const earlier = history.events?.[0]?.workflowExecutionStartedEventAttributes?.continuedExecutionRunId;
  const count = 1 + (earlier ? await keep(name, workflowId, earlier, false) : 0);
  const file = `${isLast ? name : `${name}-${count}`}.json`;
  const path = fileURLToPath(new URL(`../test/fixtures/histories/${file}`, import.meta.url));
  writeFileSync(path, await formatText(file, proto.historyToJSON(history)));
  console.log(`${file}: ${history.events?.length ?? 0} events`);
  return count;
}
