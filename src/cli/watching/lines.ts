import { aborted, type CliContext } from '../context.ts';
import { exitCodeOf, exitCodes, type ExitCode } from '../exit-codes.ts';
import type { RunStatus } from '../../domain/status.ts';
import { oneLine } from '../../domain/terminal.ts';
import { jsonLine } from '../print-json.ts';
import { listChanges, renderChange } from '../render/changes.ts';
import { renderEnd } from '../render/reports.ts';
import type { RunView, State } from './model.ts';
import { startSession, type SessionDeps } from './session.ts';

export interface LinesDeps extends Pick<SessionDeps, 'client' | 'connect' | 'scope' | 'start'> {
  readonly json: boolean;
}

/** How often a run is asked: fewer times, the more there are. */
const LEAST_EVERY_MS = 500;
const EACH_MS = 20;

/** Prints a line for each change of several runs, until all that were named are over. */
export async function watchInLines(context: CliContext, deps: LinesDeps): Promise<ExitCode> {
  const { json } = deps;
  const announce = (line: string) => context[json ? 'stderr' : 'stdout'].write(`${line}\n`);
  const finished = new AbortController();
  const tellRun = (before: State, run: RunView) => {
    const id = oneLine(run.info.id);
    const earlier = before.runs.find(({ info }) => info.id === run.info.id);
    if (run === earlier) return;
    if (run.status && run.status !== earlier?.status) {
      const known: RunStatus | undefined = sameRun(earlier, run) ? earlier?.status : undefined;
      const changes = listChanges(known, run.status, context.now());
      for (const change of changes) {
        context.stdout.write(
          json ? jsonLine({ run: run.info.id, ...change }) : `${id}  ${renderChange(change)}\n`,
        );
      }
    }
    if (run.silentSinceMs !== undefined && earlier?.silentSinceMs === undefined)
      announce(`${id}  no worker answers; it goes on as soon as one does`);
    if (run.result && !earlier?.result) announce(`${id}  ${renderEnd(run.result, run.status)[0] ?? ''}`);
  };
  const session = startSession({
    ...deps,
    now: context.now,
    // Nobody looks at one of them more than at the others.
    interest: ({ runs }) => ({
      focus: runs.find(({ final, result }) => final && !result),
      others: runs,
      othersEveryMs: Math.max(LEAST_EVERY_MS, runs.length * EACH_MS),
    }),
    perform: () => {},
    onChange(before, after) {
      for (const run of after.runs) tellRun(before, run);
      if (after.lost && !before.lost) announce('The server does not answer; trying again');
      if (before.lost && !after.lost) announce('The server answers again');
      if (
        deps.scope.kind === 'ids' &&
        after.listed &&
        after.runs.every(({ final, result }) => final && result)
      )
        finished.abort();
    },
  });
  try {
    await Promise.race([aborted(finished.signal), aborted(context.signal)]);
    return finished.signal.aborted ? worstOf(session.state().runs) : exitCodes.interrupted;
  } finally {
    session.close();
  }
}

function sameRun(earlier: RunView | undefined, run: RunView): boolean {
  return earlier?.info.startedAtMs === run.info.startedAtMs;
}

/** A failure counts more than an abort, and that more than success. */
function worstOf(runs: readonly RunView[]): ExitCode {
  const codes = runs.flatMap(({ result }) => (result ? [exitCodeOf(result)] : []));
  return codes.find((code) => code === exitCodes.failed) ?? codes.find((code) => code !== 0) ?? 0;
}
