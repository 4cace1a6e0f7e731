// `npm run bench`: the cost of a run, and how soon an end is noticed, compared with plain ssh.
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { millisOf } from '../chaos/evidence.ts';
import { quantile } from '../chaos/quantile.ts';
import { connect, type ChandlerClient } from '../src/client.ts';
import { loadConfig } from '../src/config/config.ts';
import { sandboxDown, sandboxUp, type SandboxHost } from '../src/dev/sandbox/index.ts';
import { sandboxExec } from '../test/support/sandbox-control.ts';
import { defaultCacheDir, findTemporalCli, startDevServer } from '../src/dev/temporal/index.ts';
import type { Plan } from '../src/domain/plan/schema.ts';
import { searchAttributes } from '../src/domain/run/search-attributes.ts';
import { createLogger } from '../src/config/logger.ts';
import { installRuntime, startWorker } from '../src/worker.ts';

const STEPS = 50;
const ROUNDS = 7;
const LINES = 50;
const LONG_LOG_LINES = 4_000_000;
const announce = (line: string) => void process.stderr.write(`${line}\n`);
const logger = createLogger('error');
installRuntime(logger);

const dir = await mkdtemp(join(tmpdir(), 'chandler-bench-'));
const { path: cli } = await findTemporalCli({
  env: process.env,
  cacheDir: defaultCacheDir(process.env),
  announce,
});
const server = await startDevServer({ cli, dbFile: join(dir, 'temporal.db'), searchAttributes, announce });
const [host] = await sandboxUp({ dir: join(dir, 'hosts'), count: 1, announce });
if (!host) throw new Error('no host');
const config = loadConfig({ CHANDLER_IDENTITIES: join(dir, 'hosts'), CHANDLER_ZMX_SOURCE: 'tmux' });
const worker = await startWorker(config, server.address, logger);
const client = await connect({ address: server.address });
try {
  await provision(client, host, { name: 'warm up', steps: [{ name: 'warm', script: 'true' }] });
  await threeSteps(client, host);
  await noSleep(client, host);
  await notice(client, host);
  await follow(client, host);
} finally {
  worker.stop();
  await worker.done;
  await client.close();
  await server.stop();
  await sandboxDown({ dir: join(dir, 'hosts') });
  await rm(dir, { recursive: true });
}

/** Three steps of one second: they must overlap. */
async function threeSteps(client: ChandlerClient, host: SandboxHost): Promise<void> {
  const steps = ['a', 'b', 'c'].map((name) => ({ name, script: 'sleep 1' }));
  const { wallMs } = await provision(client, host, { name: 'three seconds', steps });
  console.log(`three steps of 1 s: ${wallMs} ms = ${(wallMs / 1000).toFixed(2)} × the longest`);
}

/** Three steps and a finalizer without sleeps, compared with one ssh that does the same in sequence. */
async function noSleep(client: ChandlerClient, host: SandboxHost): Promise<void> {
  const plan = {
    name: 'no sleep',
    steps: ['a', 'b', 'c'].map((name, i) => ({
      name,
      script: `echo ${name}`,
      ...(i === 0 && { finalize: 'echo done' }),
    })),
  };
  const ours: number[] = [];
  const plain: number[] = [];
  let events = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    const run = await provision(client, host, plan);
    ours.push(run.wallMs);
    events = run.events;
    plain.push(await overSsh(host));
  }
  const ratio = (median(ours) / median(plain)).toFixed(1);
  console.log(`three steps, a finalizer, a sentinel: ${median(ours)} ms, ${events} history events`);
  console.log(
    `ssh host 'bash -s' doing the same: ${median(plain)} ms (ratio ${ratio}, medians of ${ROUNDS})`,
  );
}

/** The time between the last action of a step and the record of its end on the server. */
async function notice(client: ChandlerClient, host: SandboxHost): Promise<void> {
  const steps = Array.from({ length: STEPS }, (_, i) => ({
    name: `s${i}`,
    script: `sleep 0.1; date +%s%N > /root/end-${i}`,
    ...(i > 0 && { needs: [`s${i - 1}`] }),
  }));
  const { workflowId } = await provision(client, host, { name: 'notice', steps });
  const { stdout } = await sandboxExec(host, [
    'sh',
    '-c',
    `for i in $(seq 0 ${STEPS - 1}); do cat /root/end-$i; done`,
  ]);
  const endsMs = stdout
    .trim()
    .split('\n')
    .map((ns) => Number(BigInt(ns) / 1000n) / 1000);
  const history = await client.temporal.workflow.getHandle(workflowId).fetchHistory();
  const scheduled = new Map<string, string>();
  const noticed: number[] = [];
  for (const event of history.events ?? []) {
    const start = event.activityTaskScheduledEventAttributes;
    if (start) scheduled.set(String(event.eventId), start.activityType?.name ?? '');
    const end = event.activityTaskCompletedEventAttributes;
    if (end && scheduled.get(String(end.scheduledEventId)) === 'waitStep')
      noticed.push(millisOf(event.eventTime));
  }
  const delays = noticed.map((at, i) => at - (endsMs[i] ?? NaN));
  const p99 = quantile(delays, 0.99);
  console.log(
    `notice of an end over ${delays.length} steps: median ${median(delays)} ms, p99 ${p99.toFixed(0)} ms`,
  );
}

/** The delay of a line in a followed log, and the throughput of a long log. */
async function follow(client: ChandlerClient, host: SandboxHost): Promise<void> {
  const script = `for i in $(seq ${LINES}); do date +%s%N; sleep 0.2; done; yes | head -n ${LONG_LOG_LINES}`;
  const workflowId = await start(client, host, { name: 'logs', steps: [{ name: 'talk', script }] });
  while ((await client.status(workflowId)).steps[0]?.attempt !== 1) await delay(50);
  const read = await client.openLog(workflowId, 'talk');
  const delays: number[] = [];
  let [offset, longFrom, longBegin] = [0, 0, 0];
  for (let complete = false; !complete;) {
    const page = await read({ offset, followS: 10 });
    const now = Date.now();
    const stamps = page.text.match(/^\d{19}$/gm) ?? [];
    delays.push(...stamps.map((ns) => now - Number(BigInt(ns) / 1000n) / 1000));
    if (delays.length === LINES && longFrom === 0) [longFrom, longBegin] = [page.nextOffset, now];
    ({ nextOffset: offset, complete } = page);
  }
  const megabytesPerS = (offset - longFrom) / 1000 / (Date.now() - longBegin);
  const p99 = quantile(delays, 0.99).toFixed(0);
  console.log(
    `a line of a followed log: median ${median(delays)} ms, p99 ${p99} ms; a long log: ${megabytesPerS.toFixed(1)} MB/s`,
  );
}

async function start(
  client: ChandlerClient,
  { host, port, hostKey, identity }: SandboxHost,
  plan: Omit<Plan, 'target'>,
): Promise<string> {
  const target = { host, port, hostKey, identity };
  const whole: Plan = { ...plan, target, sentinel: { whenPresent: 'ignore' } };
  return (await client.start(whole, { workflowId: `bench:${randomUUID()}` })).workflowId;
}

async function provision(
  client: ChandlerClient,
  host: SandboxHost,
  plan: Omit<Plan, 'target'>,
): Promise<{ workflowId: string; wallMs: number; events: number }> {
  const begin = performance.now();
  const workflowId = await start(client, host, plan);
  const { outcome } = await client.result(workflowId);
  const wallMs = Math.round(performance.now() - begin);
  if (outcome !== 'provisioned') throw new Error(`${plan.name}: ${outcome}`);
  const { historyLength } = await client.temporal.workflow.getHandle(workflowId).describe();
  return { workflowId, wallMs, events: historyLength };
}

async function overSsh(host: SandboxHost): Promise<number> {
  const begin = performance.now();
  const options = [
    '-o',
    `UserKnownHostsFile=${host.knownHosts}`,
    '-o',
    'StrictHostKeyChecking=yes',
    '-F',
    '/dev/null',
  ];
  const child = promisify(execFile)('ssh', [
    ...options,
    '-i',
    host.identity,
    '-p',
    String(host.port),
    `root@${host.host}`,
    'bash -s',
  ]);
  child.child.stdin?.end(
    'echo a; echo b; echo c; echo done; echo ok > /root/plain-sentinel; cat /root/plain-sentinel',
  );
  await child;
  return Math.round(performance.now() - begin);
}

// A function declaration, because it is called above.
function median(values: readonly number[]): number {
  return Math.round(quantile(values, 0.5));
}
