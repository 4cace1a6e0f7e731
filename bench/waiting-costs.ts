// What runs that wait cost a worker and a server, by their number; each number is measured by bench/waiting.ts.
import { fileURLToPath } from 'node:url';
import { runOrThrow } from '../src/dev/sandbox/run-program.ts';
import type { Stand } from './stand.ts';
import { formatCount, renderTable } from './table.ts';

const COUNTS = [0, 100, 500, 1000];
const program = fileURLToPath(new URL('./waiting.ts', import.meta.url));

/** The measures as Markdown. */
export async function waitingCosts(stand: Stand, announce: (line: string) => void): Promise<string> {
  const rows: string[][] = [];
  for (const count of COUNTS) {
    announce(`runs that wait: ${count}`);
    // Its files go with the stand, its processes with the group, even if the bench is interrupted.
    const argv = ['env', `TMPDIR=${stand.dir}`, process.execPath, '--import', 'tsx', program, String(count)];
    const cost = parseWaiting(await runOrThrow(stand.controller.wrap(argv)));
    rows.push([formatCount(count), `${cost.workerCore} %`, `${cost.serverCore} %`, `${cost.workerMb} MB`]);
  }
  return [
    'Runs on one worker, each of which waits for a step that began an hour ago. A simulated SSH server stands in for the hosts; the worker and the Temporal server are real.',
    renderTable(['runs', 'worker, of a core', 'server, of a core', 'memory of the worker'], rows),
  ].join('\n\n');
}

/** Reads what bench/waiting.ts prints. @throws Error if something is missing */
export function parseWaiting(text: string): Record<'workerCore' | 'serverCore' | 'workerMb', number> {
  const read = (pattern: RegExp) => {
    const value = pattern.exec(text)?.[1];
    if (value === undefined) throw new Error(`no ${pattern.source} in: ${text}`);
    return Number(value);
  };
  return {
    workerCore: read(/\bworker ([\d.]+) %/),
    serverCore: read(/\bserver ([\d.]+) %/),
    workerMb: read(/memory of the worker: (\d+) MB/),
  };
}
