// What Temporal itself costs: a workflow with the activities of a first run, all of which do nothing.
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { poll } from '../test/support/poll.ts';
import { makeCgroup } from './cgroup.ts';
import type { Stand } from './stand.ts';
import { formatCount, formatMs, formatS, median } from './table.ts';

const SETTLE_MS = 500;
const IDLE_MS = 3000;
const WARM_UPS = 5;

/** The column of the table in account.ts, by the names of its rows. */
export async function floor(stand: Stand, rounds: number): Promise<ReadonlyMap<string, string>> {
  const group = makeCgroup('floor');
  const taskQueue = `floor-${randomUUID()}`;
  const program = fileURLToPath(new URL('./floor-worker.ts', import.meta.url));
  const [file = '', ...args] = group.wrap([
    process.execPath,
    '--import',
    'tsx',
    program,
    stand.address,
    taskQueue,
  ]);
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let log = '';
  child.stdout.on('data', (chunk: Buffer) => (log += chunk.toString()));
  try {
    await poll(() => log.includes('worker started') || child.exitCode !== null, 'the worker starts');
    const { workflow } = stand.client.temporal;
    const cpu = () => [group.cpuMs(), stand.server.cpuMs()] as const;
    const spend = async (work: () => Promise<unknown>) => {
      const [before, begin] = [cpu(), performance.now()];
      await work();
      const [after, tookMs] = [cpu(), performance.now() - begin];
      return { workerMs: after[0] - before[0], serverMs: after[1] - before[1], tookMs };
    };
    const runOnce = async () => {
      const begin = performance.now();
      const handle = await workflow.start('floor', { taskQueue, workflowId: `floor:${randomUUID()}` });
      await handle.result();
      return { handle, wallMs: performance.now() - begin };
    };
    for (let i = 0; i < WARM_UPS; i += 1) await runOnce();
    await delay(SETTLE_MS);
    const idle = await spend(() => delay(IDLE_MS));
    const measured: Record<'wallMs' | 'events' | 'tasks' | 'workerMs' | 'serverMs' | 'bothMs', number>[] = [];
    for (let round = 0; round < rounds; round += 1) {
      let wallMs = 0;
      let events = 0;
      let tasks = 0;
      const spent = await spend(async () => {
        const run = await runOnce();
        ({ wallMs } = run);
        await delay(SETTLE_MS);
        const history = (await run.handle.fetchHistory()).events ?? [];
        events = history.length;
        tasks = history.filter((event) => event.workflowTaskCompletedEventAttributes).length;
      });
      const part = spent.tookMs / idle.tookMs;
      const workerMs = spent.workerMs - idle.workerMs * part;
      const serverMs = spent.serverMs - idle.serverMs * part;
      measured.push({ wallMs, events, tasks, workerMs, serverMs, bothMs: workerMs + serverMs });
    }
    const value = (key: keyof (typeof measured)[number]) => median(measured.map((one) => one[key]));
    return new Map([
      ['wall clock, from `start` to the result', formatS(value('wallMs'))],
      ['history events', formatCount(value('events'))],
      ['workflow tasks', formatCount(value('tasks'))],
      ['activities', '6'],
      ['CPU of the worker', formatMs(value('workerMs'))],
      ['CPU of the Temporal server', formatMs(value('serverMs'))],
      ['CPU of worker and server', formatMs(value('bothMs'))],
    ]);
  } finally {
    child.kill('SIGKILL');
    await group.remove();
  }
}
