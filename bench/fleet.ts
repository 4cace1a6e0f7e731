// `npm run bench:fleet -- [HOSTS] [--concurrency N] [--seconds S] [--kill-every S] [--kill-server S] [--failing SHARE] [--workers N]`: rolls a plan
// out to simulated hosts, checks the sum of the hosts every second, and reports time, memory and histories. --kill-every kills the
// worker in this interval, --kill-server the server once after so many seconds.
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { FleetStatus } from '../src/domain/fleet/fleet-status.ts';
import { formatDuration } from '../src/domain/text/duration.ts';
import { ensureBuilt } from '../test/support/built.ts';
import { describeHistories } from './describe-histories.ts';
import { cpuOf, memoryOf } from './process-costs.ts';
import { openSimulatedStand } from './simulated-stand.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    concurrency: { type: 'string', default: '100' },
    seconds: { type: 'string', default: '1' },
    latency: { type: 'string', default: '5' },
    failing: { type: 'string', default: '0' },
    seed: { type: 'string', default: '1' },
    workers: { type: 'string', default: '1' },
    'kill-every': { type: 'string' },
    'kill-server': { type: 'string' },
  },
});
const count = Number(positionals[0] ?? 1000);
const NAME = 'bench';
const EVERY_MS = 1000;
/** A worker that was killed, or a server that starts again, answers late. */
const ANSWER_MS = 3000;

ensureBuilt();
const stand = await openSimulatedStand(
  'bench-fleet',
  [values.seed, values.latency, values.failing],
  Number(values.workers),
);
const { fleets } = stand.client;
const over = new AbortController();
const seen = { statuses: 0, silent: 0, wrong: 0, mostMb: 0, kills: 0, firstMs: NaN };
const memory: number[] = [];
const orderedMs = Date.now();

async function lookOn(): Promise<void> {
  while (!over.signal.aborted) {
    await delay(EVERY_MS);
    const mb = await memoryOf(stand.pids().worker);
    if (mb > 0) {
      memory.push(mb);
      seen.mostMb = Math.max(seen.mostMb, mb);
    }
    const status = await stand.client.within(ANSWER_MS, () => fleets.status(NAME)).catch(() => undefined);
    if (!status) seen.silent += 1;
    else check(status);
  }
}

function check({ counts, hosts, recounted, startedAtMs }: FleetStatus): void {
  seen.statuses += 1;
  const sum = Object.values(counts).reduce((total, each) => total + each, 0);
  if (sum !== hosts || recounted !== hosts) {
    seen.wrong += 1;
    console.log(`wrong sum: ${JSON.stringify({ counts, hosts, recounted })}`);
  }
  if (Number.isNaN(seen.firstMs) && counts.pending < hosts) seen.firstMs = Date.now() - startedAtMs;
  if (seen.statuses % 10 === 0)
    process.stderr.write(
      `${Math.round((Date.now() - orderedMs) / 1000)} s: ${JSON.stringify(counts)} ${memory.at(-1)} MB\n`,
    );
}

async function killWorkers(everyS: number): Promise<void> {
  for (;;) {
    await delay(everyS * 1000, undefined, { signal: over.signal });
    await stand.killWorker();
    seen.kills += 1;
  }
}

async function killServer(afterS: number): Promise<void> {
  await delay(afterS * 1000, undefined, { signal: over.signal });
  await stand.replaceServer();
}

try {
  await fleets.start({
    name: NAME,
    plan: {
      name: 'bench',
      steps: [{ name: 'work', script: `sleep ${values.seconds}` }],
      onStepFailure: 'fail',
    },
    hosts: Array.from({ length: count }, (_, i) => ({ name: `web${i + 1}`, target: stand.targetOf(i) })),
    concurrency: Number(values.concurrency),
    maxFailures: '100%',
  });
  const acceptedMs = Date.now() - orderedMs;
  const faults = [
    ...(values['kill-every'] === undefined ? [] : [killWorkers(Number(values['kill-every']))]),
    ...(values['kill-server'] === undefined ? [] : [killServer(Number(values['kill-server']))]),
  ].map((fault) => fault.catch(() => undefined));
  const looking = lookOn();
  const end = await untilOver();
  const wallMs = Date.now() - orderedMs;
  over.abort();
  await Promise.all([looking, ...faults]);
  const cpu = await cpuOf(stand.pids());
  const report = await stand.askHosts();
  const hosts = Object.values(report.hosts);
  const once = hosts.filter(({ begun }) => begun['work'] === 1).length;
  const tenth = Math.max(1, Math.floor(memory.length / 10));
  console.log(
    `hosts ${count}, concurrency ${values.concurrency}, steps of about ${values.seconds} s, ${seen.kills} workers killed`,
  );
  console.log(
    `CPU for each host: ${Object.entries(cpu)
      .map(([name, ms]) => `${name} ${Math.round(ms / count)} ms`)
      .join(', ')}${seen.kills > 0 ? ' (of the processes that live at the end)' : ''}`,
  );
  console.log(`outcome ${JSON.stringify(end)}`);
  console.log(
    `wall ${formatDuration(wallMs)}; accepted after ${acceptedMs} ms; first host seen at work after ${seen.firstMs} ms`,
  );
  console.log(
    `hosts on which the step began exactly once: ${once}; with a sentinel: ${hosts.filter((host) => host.provisioned).length}`,
  );
  console.log(`statuses ${seen.statuses}, with a wrong sum ${seen.wrong}, without an answer ${seen.silent}`);
  console.log(
    `memory of the worker: at most ${seen.mostMb} MB; second tenth ${average(memory.slice(tenth, 2 * tenth))} MB, last tenth ${average(memory.slice(-tenth))} MB`,
  );
  console.log(
    `connections: at most ${report.mostConnections}, logins at the same time at most ${report.mostLogins}`,
  );
  console.log(await describeHistories(stand.client, `fleet:${NAME}`));
} finally {
  over.abort();
  await stand.stop();
}

/** A result is asked for again when the server goes away meanwhile. */
async function untilOver(): Promise<unknown> {
  for (;;) {
    try {
      const end = await fleets.result(NAME);
      return 'result' in end ? { outcome: end.outcome, ...end.result.counts } : end;
    } catch {
      await delay(EVERY_MS);
    }
  }
}

function average(some: readonly number[]): number {
  return Math.round(some.reduce((sum, each) => sum + each, 0) / some.length);
}
