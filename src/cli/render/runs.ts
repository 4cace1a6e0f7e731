import { formatDuration } from '../../domain/duration.ts';
import { oneLine } from '../../domain/terminal.ts';
import { renderColumns } from './columns.ts';

/** A run in a list of runs. */
export interface RunInfo {
  readonly id: string;
  /** What the engine says: RUNNING, COMPLETED, FAILED, … */
  readonly status: string;
  /** Empty when the server lacks our search attributes. */
  readonly phase: string;
  readonly attention: boolean;
  readonly plan: string;
  readonly startedAtMs: number;
  readonly endedAtMs?: number;
}

/** Runs, one a line, as the engine orders them: the latest first. */
export function renderRuns(runs: readonly RunInfo[], nowMs: number): string[] {
  return renderColumns(
    ['ID', 'STATUS', 'STARTED', 'TIME', 'PLAN'],
    runs.map((run) => [
      oneLine(run.id),
      describeRunInfo(run),
      `${formatDuration(nowMs - run.startedAtMs)} ago`,
      formatDuration((run.endedAtMs ?? nowMs) - run.startedAtMs),
      oneLine(run.plan),
    ]),
  );
}

/** What a run does, or how it ended. */
export function describeRunInfo({
  status,
  phase,
  attention,
}: Pick<RunInfo, 'status' | 'phase' | 'attention'>): string {
  // The engine knows an abort as a failure, and a host with nothing to do as one that was done.
  const says = phase === 'aborted' || phase === 'already-provisioned' ? phase : status.toLowerCase();
  if (status !== 'RUNNING') return says;
  return attention ? 'needs a person' : phase === '' ? 'running' : `running: ${phase}`;
}
