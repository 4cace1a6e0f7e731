import { describe, expect, it } from 'vitest';
import { listChanges, renderChange } from '../../../src/cli/output/changes.ts';
import { plain } from '../../../src/cli/output/paint.ts';
import { renderParked } from '../../../src/cli/output/reports.ts';
import { renderTable } from '../../../src/cli/output/render-table.ts';
import { renderStatusMarkdown } from '../../../src/domain/run/status-markdown.ts';
import { attentionOf, isFullyParked, type RunStatus, type Trouble } from '../../../src/domain/run/status.ts';
import { makeStatus } from '../make-status.ts';

const trouble: Trouble = {
  code: 'host-key-mismatch',
  message: 'root@web1:22: another key\u001b[2J\nthan before',
  advice: 'Replace the recorded key.',
  sinceMs: 5000,
  retryAtMs: 35_000,
};
const [packages] = makeStatus().steps;
const withPart = (more: object): RunStatus =>
  makeStatus({ steps: [{ ...packages, name: 'packages', state: 'running', attempt: 1, ...more }] });
const lines = (before: RunStatus | undefined, after: RunStatus) =>
  listChanges(before, after, 9000).map((change) => renderChange(change).replaceAll(/\d\d:\d\d:/g, ''));
const size = { columns: 200, maxRows: 10, nowMs: 9000, paint: plain };

describe('trouble of a part', () => {
  it('is in its row, with its start, the last message and the time of the next attempt', () => {
    const [, , row = ''] = renderTable(withPart({ trouble }), [], size);
    expect(row.replaceAll(/\d\d:\d\d:/g, '')).toContain(
      'the host cannot be reached since 05: root@web1:22: another key than before; next attempt at 35',
    );
  });

  it('says that the host may be booting while a reboot is expected', () => {
    const [, , row = ''] = renderTable(withPart({ trouble: { ...trouble, isBooting: true } }), [], size);
    expect(row).toContain('the host may be booting: it cannot be reached since');
  });

  it('is a change when it begins, when its message changes, and when it ends', () => {
    const begun = withPart({ trouble });
    const { retryAtMs: _, ...other } = { ...trouble, message: 'refused' };
    expect(lines(withPart({}), begun)).toEqual([
      '05 packages: the host cannot be reached since 05: root@web1:22: another key than before; next attempt at 35',
    ]);
    expect(lines(begun, withPart({ trouble: { ...trouble, retryAtMs: 90_000 } }))).toEqual([]);
    expect(lines(begun, withPart({ trouble: other }))).toEqual([
      '09 packages: the host cannot be reached since 05: refused',
    ]);
    expect(lines(begun, withPart({}))).toEqual(['09 packages: the host can be reached again']);
  });

  it('does not end with a host that can be reached when the part or the run fails', () => {
    const failure = { code: 'step-unverifiable' as const, message: 'cannot be asked', advice: 'Look.' };
    const begun = { ...withPart({ trouble }), trouble };
    expect(lines(withPart({ trouble }), withPart({ state: 'failed', failure }))).toEqual([
      '09 packages failed (attempt 1): cannot be asked',
    ]);
    expect(lines(begun, { ...withPart({}), phase: 'failed', endedAtMs: 9000 })).toEqual(['09 failed']);
  });

  it('names what an operator can do', () => {
    const text = renderParked('run', withPart({ trouble }), (...words) => words.join(' ')).join('\n');
    expect(text).toContain('Replace the recorded key.');
    expect(text).toContain('retry run packages\n');
    expect(text).toContain('retry run packages --force');
    const shown = renderStatusMarkdown(withPart({ trouble }));
    expect(shown).toContain('The host cannot be asked about packages since 00:00:05');
    expect(shown).toContain('`{"step":"packages","force":true}`');
    expect(shown).not.toContain('\u001b');
  });
});

describe('trouble of a run as a whole', () => {
  it('is in the table, in the changes, in the report and in the UI', () => {
    const status = { ...withPart({}), trouble };
    expect(renderTable(status, [], size)[1]).toContain('the host cannot be reached since ');
    expect(lines(withPart({}), status)[0]).toMatch(/^05 the host cannot be reached since 05: /);
    expect(lines(status, withPart({}))).toEqual(['09 the host can be reached again']);
    expect(renderParked('run', status, () => '').join('\n')).toContain('the host cannot be reached since ');
    expect(renderStatusMarkdown(status)).toContain('The host cannot be reached since 00:00:05');
  });
});

describe('a step that waits for input', () => {
  const input = { lastLine: 'Continue? [y/N]', attach: 'ssh h attach packages', sinceMs: 5000 };
  const waiting = withPart({ input });

  it('is shown with its last line and how to attach: in its row, once as a change for each prompt, and in the UI', () => {
    expect(renderTable(waiting, [], size)[2]).toContain('waiting for input: Continue? [y/N]');
    expect(lines(withPart({}), waiting)).toEqual([
      '05 packages is waiting for input: Continue? [y/N]; type it with: ssh h attach packages',
    ]);
    expect(lines(waiting, waiting)).toEqual([]);
    expect(lines(waiting, withPart({ input: { ...input, lastLine: '', sinceMs: 9000 } }))).toEqual([
      '09 packages is waiting for input; type it with: ssh h attach packages',
    ]);
    expect(renderParked('run', waiting, (...words) => words.join(' ')).join('\n')).toContain(
      'packages is waiting for input: Continue? [y/N]\n  Type it        attach run packages',
    );
    expect(renderStatusMarkdown(waiting)).toContain(
      '### ⚠ packages has been waiting for input since 00:00:05\n\n```\nContinue? [y/N]\n```\n\nAttach to its terminal and type: `ssh h attach packages`',
    );
  });

  it('needs attention, but its run is not parked: it may end by its timeout', () => {
    expect(attentionOf(waiting, 6000)).toBe(true);
    expect(isFullyParked(waiting)).toBe(false);
    expect(attentionOf(withPart({}), 6000)).toBe(false);
  });
});

describe('a start that waits for the login shell', () => {
  it('is in its row, and once in the changes', () => {
    const waiting = withPart({ waitingFor: 'the login shell (45 s)' });
    expect(renderTable(waiting, [], size)[2]).toContain('waiting for the login shell (45 s)');
    expect(lines(withPart({}), waiting)).toEqual(['09 packages is waiting for the login shell (45 s)']);
    expect(lines(waiting, withPart({ waitingFor: 'the login shell (55 s)' }))).toEqual([]);
    expect(renderStatusMarkdown(waiting)).toContain('**packages** waits for the login shell');
  });
});

describe('C14: a run that waits for its bootstrap marker', () => {
  const marker = '/root/.ssh-provisioned';
  const status = makeStatus({ phase: 'waiting-for-bootstrap', waitingFor: marker, waitingUntilMs: 869_000 });

  it('shows the marker and how much time is left, in the table and once as a change', () => {
    const text = `waiting for ${marker}, 14 min left`;
    expect(renderTable(status, [], size)[1]).toBe(text);
    expect(lines(makeStatus({ phase: 'connecting' }), status)).toEqual([
      '09 waiting-for-bootstrap',
      `09 ${text}`,
    ]);
    expect(lines(status, { ...status, waitingUntilMs: 900_000 })).toEqual([]);
  });

  it('shows the marker alone while the host keeps the time', () => {
    const { waitingUntilMs: _, ...rest } = status;
    expect(renderTable(rest, [], size)[1]).toBe(`waiting for ${marker}`);
  });

  it('shows beside it that the host cannot be reached', () => {
    expect(renderTable({ ...status, trouble }, [], size).slice(1, 3)).toEqual([
      expect.stringContaining('the host cannot be reached'),
      `waiting for ${marker}, 14 min left`,
    ]);
  });

  it.each([
    [869_000, '14 min'],
    [68_400, '59 s'],
    [8000, '0 s'],
    [3_609_000, '1 h'],
    [86_400_000, '23 h 59 min'],
  ])('until %i ms: %s left', (waitingUntilMs, left) => {
    expect(renderTable({ ...status, waitingUntilMs }, [], size)[1]).toBe(
      `waiting for ${marker}, ${left} left`,
    );
  });
});
