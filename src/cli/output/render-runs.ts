import type { RunInfo } from '../../client.ts';
import { formatDuration } from '../../domain/text/duration.ts';
import { oneLine } from '../../domain/text/plain-text.ts';
import { renderColumns } from './render-columns.ts';
import { widthOf, wrapIndented } from './text.ts';

/**
 * Renders runs, one a line, the latest first. If an id has several runs, each is shown with its run id. A terminal that is too
 * narrow gets a short block for each run.
 */
export function renderRuns(runs: readonly RunInfo[], nowMs: number, columns = Infinity): string[] {
  const hasOlder = new Set(runs.map(({ id }) => id)).size < runs.length;
  const cells = runs.map((run) => [
    oneLine(run.id),
    describeRunInfo(run),
    `${formatDuration(nowMs - run.startedAtMs)} ago`,
    formatDuration((run.endedAtMs ?? nowMs) - run.startedAtMs),
    oneLine(run.plan),
    ...(hasOlder ? [run.runId] : []),
  ]);
  const head = ['ID', 'STATUS', 'STARTED', 'TIME', 'PLAN', ...(hasOlder ? ['RUN ID'] : [])];
  const lines = renderColumns(head, cells);
  if (lines.every((line) => widthOf(line) <= columns)) return lines;
  const indent = '  ';
  return cells.flatMap(([id = '', status = '', started = '', time = '', plan = '', runId]) => {
    const facts = [status, `started ${started}`, `took ${time}`, ...(plan === '' ? [] : [plan])].join(' · ');
    return [
      ...wrapIndented(id, columns, indent),
      ...wrapIndented(`${indent}${facts}`, columns, indent),
      ...(runId === undefined ? [] : wrapIndented(`${indent}run ${runId}`, columns, indent)),
    ];
  });
}

export function describeRunInfo({
  status,
  phase,
  attention,
  activityPaused,
}: Pick<RunInfo, 'status' | 'phase' | 'attention' | 'activityPaused'>): string {
  if (status === 'COMPLETED' && phase === 'incomplete') return 'incomplete: other steps are not done';
  if (status === 'COMPLETED')
    return phase === 'already-provisioned' ? 'provisioned (nothing to do)' : 'provisioned';
  if (status === 'PAUSED') return 'paused by Temporal';
  // The server reports an aborted run as failed.
  if (status !== 'RUNNING') return phase === 'aborted' ? phase : status.toLowerCase();
  if (attention) return 'needs attention';
  return `running${phase === '' ? '' : `: ${phase}`}${activityPaused ? ', activity paused' : ''}`;
}
