// `npm run record [NAME…]`: runs recordings (those named, or all) and keeps their histories, for the test that replays
// them. What is older than a change stays, as long as runs of its time may be open: record only what is new.
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import proto from '@temporalio/common/lib/proto-utils.js';
import { format } from 'prettier';
import type { ChandlerClient } from '../src/client.ts';
import { ensureBuilt } from '../test/support/built.ts';
import { fakeActivities, startHarness } from '../test/workflows/harness.ts';
import { recordings } from '../test/workflows/recordings.ts';

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

/** Keeps a run, and under a name of its own the one that it continues. */
async function keep(name: string, workflowId: string, runId: string): Promise<void> {
  const history = await harness.env.client.workflow.getHandle(workflowId, runId).fetchHistory();
  const file = fileURLToPath(new URL(`../test/fixtures/histories/${name}.json`, import.meta.url));
  writeFileSync(file, await format(proto.historyToJSON(history), { parser: 'json' }));
  console.log(`${name}.json: ${history.events?.length ?? 0} events`);
  const before = history.events?.[0]?.workflowExecutionStartedEventAttributes?.continuedExecutionRunId;
  if (before) await keep(`${name}-before`, workflowId, before);
}
