// `npm run record`: runs each recording and keeps its history, for the test that replays them. Keep the old ones as long
// as runs of their time may be open, and branch with `patched` where a change breaks them.
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import proto from '@temporalio/common/lib/proto-utils.js';
import { format } from 'prettier';
import { fakeActivities, startHarness } from '../test/workflows/harness.ts';
import { recordings } from '../test/workflows/recordings.ts';

const harness = await startHarness();
for (const [name, { changes, steps, options = {}, act }] of Object.entries(recordings)) {
  await harness.run(fakeActivities(changes).activities, steps, options, async (client, id) => {
    await act?.(client, id);
    await client.result(id);
    const history = proto.historyToJSON(await client.temporal.workflow.getHandle(id).fetchHistory());
    const file = fileURLToPath(new URL(`../test/fixtures/histories/${name}.json`, import.meta.url));
    writeFileSync(file, await format(history, { parser: 'json' }));
  });
}
await harness.stop();
