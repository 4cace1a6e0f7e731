import { aborted, type CliContext } from '../context.ts';
import { exitCodeOf, exitCodes, worstOf, type ExitCode } from '../exit-codes.ts';
import { oneLine } from '../../domain/text/plain-text.ts';
import { listChanges, renderChange } from '../output/changes.ts';
import { jsonLine } from '../output/print-json.ts';
import { renderEnd } from '../output/reports.ts';
import { intervals } from './intervals.ts';
import { applyEvent, startRuns, type LiveRuns, type RunView } from './live-runs.ts';
import { startStore, type StoreSource } from './live-store.ts';

/** Prints a line for each change of several runs, until all named runs are over. */
export async function watchInLines(
  context: CliContext,
  source: Pick<StoreSource, 'client' | 'connect' | 'scope'>,
  json: boolean,
): Promise<ExitCode> {
  const announce = (line: string) => context[json ? 'stderr' : 'stdout'].write(`${line}\n`);
  const finished = new AbortController();
  const store = startStore<LiveRuns>(
    { ...source, now: context.now },
    {
      start: startRuns(context.now()),
      update: applyEvent,
      interest: ({ runs }) => ({
        focus: runs.find(({ final, result }) => final && !result),
        others: runs,
        othersEveryMs: Math.max(intervals.othersInLines, runs.length * intervals.eachOtherInLines),
      }),
      onChange(before, after) {
        for (const run of after.runs) printChanges(context, before, run, json, announce);
        if (after.lost && !before.lost) announce('The server does not answer; trying again');
        if (before.lost && !after.lost) announce('The server answers again');
        const areOver = after.listed && after.runs.every(({ final, result }) => final && result);
        if (source.scope.kind === 'ids' && areOver) finished.abort();
      },
    },
  );
  try {
    await Promise.race([aborted(finished.signal), aborted(context.signal)]);
    return finished.signal.aborted ? worstExitCode(store.state().runs) : exitCodes.interrupted;
  } finally {
    store.close();
  }
}

function printChanges(
  context: CliContext,
  { runs }: LiveRuns,
  run: RunView,
  json: boolean,
  announce: (line: string) => void,
): void {
  const { info, status, result, silentSinceMs } = run;
  const id = oneLine(info.id);
  const earlier = runs.find((each) => each.info.id === info.id);
  if (run === earlier) return;
  if (status && status !== earlier?.status) {
    const known = earlier?.info.startedAtMs === info.startedAtMs ? earlier.status : undefined;
    for (const change of listChanges(known, status, context.now()))
      context.stdout.write(json ? jsonLine({ run: info.id, ...change }) : `${id}  ${renderChange(change)}\n`);
  }
  if (silentSinceMs !== undefined && earlier?.silentSinceMs === undefined)
    announce(`${id}  no worker answers; the run continues once one does`);
  if (result && !earlier?.result) announce(`${id}  ${renderEnd(result, status)[0] ?? ''}`);
}

function worstExitCode(runs: readonly RunView[]): ExitCode {
  return worstOf(runs.flatMap(({ result }) => (result ? [exitCodeOf(result)] : [])));
}
