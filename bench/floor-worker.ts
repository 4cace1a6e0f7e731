// The worker of floor.ts: node --import tsx floor-worker.ts ADDRESS TASK_QUEUE
import { fileURLToPath } from 'node:url';
import { NativeConnection, Worker } from '@temporalio/worker';

const [address = '', taskQueue = ''] = process.argv.slice(2);
const worker = await Worker.create({
  connection: await NativeConnection.connect({ address }),
  taskQueue,
  workflowsPath: fileURLToPath(new URL('./floor-workflow.ts', import.meta.url)),
  activities: { nothing: async () => undefined },
});
console.log('worker started');
await worker.run();
