import { describe, expect, it } from 'vitest';
import { listChanges, renderChange } from '../../../src/cli/output/changes.ts';
import { plain } from '../../../src/cli/output/paint.ts';
import { describeRunInfo } from '../../../src/cli/output/render-runs.ts';
import { renderTable } from '../../../src/cli/output/render-table.ts';
import { standing } from '../../../src/cli/live/screen/selection.ts';
import { renderRun } from '../../../src/cli/live/screen/render-run.ts';
import { RunPausedError, type ServerPause } from '../../../src/domain/run/server-pause.ts';
import { makeStatus } from '../make-status.ts';
import { listed, makeInfo, makeState, parkedRun, told } from '../live/make-state.ts';

const pause = (of: ServerPause['of']): ServerPause => ({
  of,
  sinceMs: 5000,
  by: 'anna',
  reason: 'looking',
  unpause: `temporal ${of} unpause --workflow-id web1`,
});
const text = (of: string) =>
  new RegExp(
    `paused by Temporal's ${of} pause since [\\d:]+ \\(anna: looking\\); unpause it with: temporal ${of} unpause --workflow-id web1`,
  );

describe("a pause by one of Temporal's own controls", () => {
  const [packages, ...others] = makeStatus().steps;
  const activityPaused = makeStatus({ steps: [{ ...packages!, serverPause: pause('activity') }, ...others] });
  const workflowPaused = makeStatus({ serverPause: pause('workflow') });

  it('is a change when it begins and when it ends', () => {
    const lines = (...args: Parameters<typeof listChanges>) => listChanges(...args).map(renderChange);
    expect(lines(makeStatus(), activityPaused, 6000)).toEqual([expect.stringMatching(text('activity'))]);
    expect(lines(activityPaused, activityPaused, 6000)).toEqual([]);
    expect(lines(activityPaused, makeStatus(), 7000)).toEqual([
      expect.stringMatching(/07 packages is unpaused$/),
    ]);
    expect(lines(makeStatus(), workflowPaused, 6000)).toEqual([expect.stringMatching(text('workflow'))]);
    expect(lines(workflowPaused, makeStatus(), 7000)).toEqual([
      expect.stringMatching(/07 the run is unpaused$/),
    ]);
  });

  it('is shown in the table, at the step or over all', () => {
    const size = { columns: 400, maxRows: 20, nowMs: 9000, paint: plain };
    const rows = renderTable(activityPaused, [], size);
    expect(rows.find((row) => row.includes('packages'))).toMatch(text('activity'));
    expect(renderTable(workflowPaused, [], size)[1]).toMatch(text('workflow'));
  });

  it('is shown in a list of runs', () => {
    const run = { phase: 'steps', attention: false };
    expect(describeRunInfo({ ...run, status: 'PAUSED' })).toBe('paused by Temporal');
    expect(describeRunInfo({ ...run, status: 'RUNNING', activityPaused: true })).toBe(
      'running: steps, activity paused',
    );
  });

  it('keeps what the live view knew, until the run answers again', () => {
    const known = { plan: '', host: '', phase: '', startedAtMs: 0, lastLines: [] };
    const error = new RunPausedError(pause('workflow'), known);
    const events = [
      listed(makeInfo('web1', { status: 'PAUSED' })),
      told('web1'),
      { kind: 'held', run: 'web1', error } as const,
    ];
    const held = makeState(events, { single: true, view: 'run', size: { columns: 300, rows: 24 } });
    expect(renderRun(held, plain).join('\n')).toMatch(text('workflow'));
    expect(renderRun(held, plain).join('\n')).toMatch(/network/);
    expect(held.runs.map((run) => standing(run).word)).toEqual(['paused by Temporal']);
    const again = makeState([...events, listed(makeInfo('web1')), told('web1')], {
      single: true,
      view: 'run',
    });
    expect(again.runs[0]).toEqual(parkedRun().runs[0]);
  });
});
