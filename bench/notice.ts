// How soon the end of a step and a line of its log are noticed, and how fast a long log is read.
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { millisOf } from '../chaos/evidence.ts';
import { quantile } from '../chaos/quantile.ts';
import type { BenchHost, Stand } from './stand.ts';
import { formatMs, median, renderTable } from './table.ts';
import { RESULTS } from './work.ts';

const STEPS = 50;
const LINES = 50;
const ABORTS = 10;
const LONG_LOG_LINES = 4_000_000;

/** The measures as Markdown. */
export async function notice(stand: Stand): Promise<string> {
  const [host] = stand.hosts;
  if (!host) throw new Error('no host');
  await host.reset({ wipe: true });
  const ends = await endDelays(stand, host);
  await host.reset({ wipe: true });
  const { lines, megabytesPerS } = await readLog(stand, host);
  const aborts = await abortDelays(stand, host);
  const table = renderTable(
    ['', 'times', 'median', 'p99'],
    [
      row('from the last action of a step to its end in the history', ends),
      row('from a line on the host to its print by a follower', lines),
      row('from an abort to the signal that ends the step', aborts),
    ],
  );
  return `${table}\n\nA long log is read at ${megabytesPerS.toFixed(1)} MB/s.`;
}

function row(name: string, delays: readonly number[]): string[] {
  return [name, String(delays.length), formatMs(median(delays)), formatMs(quantile(delays, 0.99))];
}

/** The time between the last action of each step and the record of its end on the server. */
async function endDelays(stand: Stand, host: BenchHost): Promise<number[]> {
  const steps = Array.from({ length: STEPS }, (_, i) => ({
    name: `s${i}`,
    script: `sleep 0.1; date +%s%N >${RESULTS}/end-${i}`,
    ...(i > 0 && { needs: [`s${i - 1}`] }),
  }));
  const { workflowId } = await stand.provision({ name: 'notice', target: host.target, steps });
  const history = await stand.client.temporal.workflow.getHandle(workflowId).fetchHistory();
  const endsMs = (history.events ?? []).flatMap((event) =>
    event.activityTaskCompletedEventAttributes ? [millisOf(event.eventTime)] : [],
  );
  // One step runs at a time, so the next activity to end is the one that waited for it.
  return steps.map((_, i) => {
    const lastActionMs = stampMs(host.read(`end-${i}`) ?? '');
    return (endsMs.find((at) => at >= lastActionMs) ?? NaN) - lastActionMs;
  });
}

/** The delay of each line of a followed log, and the throughput of a long log. */
async function readLog(stand: Stand, host: BenchHost) {
  const { client } = stand;
  const script = `for i in $(seq ${LINES}); do date +%s%N; sleep 0.2; done; yes | head -n ${LONG_LOG_LINES}`;
  const plan = { name: 'logs', target: host.target, steps: [{ name: 'talk', script }] };
  const { workflowId } = await client.start(plan, { workflowId: `bench:${randomUUID()}` });
  while ((await client.status(workflowId)).steps[0]?.attempt !== 1) await delay(50);
  const read = await client.openLog(workflowId, 'talk');
  const lines: number[] = [];
  let [offset, longFrom, longBegin] = [0, 0, 0];
  for (let complete = false; !complete;) {
    const page = await read({ offset, followS: 10 });
    const now = Date.now();
    lines.push(...(page.text.match(/^\d{19}$/gm) ?? []).map((stamp) => now - stampMs(stamp)));
    if (lines.length === LINES && longFrom === 0) [longFrom, longBegin] = [page.nextOffset, now];
    ({ nextOffset: offset, complete } = page);
  }
  await client.result(workflowId);
  return { lines, megabytesPerS: (offset - longFrom) / 1000 / (Date.now() - longBegin) };
}

/** The time between the request to abort a run and the signal to its step, which has no end of its own. */
async function abortDelays({ client }: Stand, host: BenchHost): Promise<number[]> {
  const delays: number[] = [];
  for (let i = 0; i < ABORTS; i += 1) {
    const script = `trap 'date +%s%N >${RESULTS}/term-${i}; exit' TERM; echo >${RESULTS}/begun-${i}; sleep 600 & wait`;
    const plan = { name: `abort-${i}`, target: host.target, steps: [{ name: 'endless', script }] };
    const { workflowId } = await client.start(plan, { workflowId: `bench:${randomUUID()}` });
    while (host.read(`begun-${i}`) === undefined) await delay(50);
    const abortedMs = Date.now();
    await client.abort(workflowId);
    await client.result(workflowId);
    delays.push(stampMs(host.read(`term-${i}`) ?? '') - abortedMs);
  }
  return delays;
}

/** The time that `date +%s%N` printed. */
function stampMs(nanos: string): number {
  return Number(BigInt(nanos.trim()) / 1000n) / 1000;
}
