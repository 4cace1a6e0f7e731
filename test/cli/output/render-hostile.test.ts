import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { listChanges, renderChange } from '../../../src/cli/output/changes.ts';
import { plain } from '../../../src/cli/output/paint.ts';
import { renderEnd, renderParked } from '../../../src/cli/output/reports.ts';
import { renderRuns } from '../../../src/cli/output/render-runs.ts';
import { renderTable } from '../../../src/cli/output/render-table.ts';
import { widthOf } from '../../../src/cli/output/text.ts';
import { renderStatusMarkdown } from '../../../src/domain/run/status-markdown.ts';
import type { PartFailure, RunStatus } from '../../../src/domain/run/status.ts';
import { nastyText, UNFIT } from '../../support/hostile.ts';
import { makeStatus } from '../make-status.ts';

/** A run in which every text that a host or a person gives is hostile. */
const statuses = fc
  .record({
    host: nastyText,
    plan: nastyText,
    attach: nastyText,
    message: nastyText,
    advice: nastyText,
    reason: nastyText,
  })
  .map(({ host, plan, attach, message, advice, reason }): RunStatus & { failure: PartFailure } => {
    const failure = { code: 'step-failed', message, advice, logTail: message } as const;
    const made = makeStatus({ host, plan, attach });
    return {
      ...made,
      failure,
      steps: made.steps.map((step) => ({ ...step, failure })),
      auditTrail: [{ action: 'abort', reason, atMs: 5 }],
    };
  });
const command = (...words: readonly string[]) => words.join(' ');

describe('hostile text', () => {
  it('breaks out of no line, cell or code of the Markdown, and drives nothing', () => {
    fc.assert(
      fc.property(statuses, (status) => {
        const shown = renderStatusMarkdown(status);
        expect(shown).not.toMatch(UNFIT);
        // What the host printed ends where its block does.
        const outside = shown.replaceAll(/^(`{3,})\n[\s\S]*?\n\1$/gm, '(lines)').split('\n');
        // As many lines as those of a harmless run: nothing begins one of its own.
        expect(outside.filter((line) => line.startsWith('|'))).toHaveLength(2 + 4 + 2 + 1);
        for (const line of outside.filter((line) => line.startsWith('| '))) {
          expect([6, 7]).toContain(line.split(/(?<!\\)\|/).length);
        }
        for (const line of outside) {
          // Outside of code and of our own emphasis, what Markdown or HTML would read as theirs is escaped.
          // From left to right: within code a backslash is only that.
          const prose = line.replaceAll(/\\.|(?<!`)(`{1,2})(?!`).+?(?<!`)\1(?!`)/g, '');
          if (!line.startsWith('|')) expect(prose.replaceAll(/\*\*/g, '')).not.toMatch(/[<>[\]`|*_~&$]/);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('drives no terminal, and makes no line of a table wrap or end', () => {
    fc.assert(
      fc.property(statuses, fc.integer({ min: 1, max: 100 }), (status, columns) => {
        const said = status.failure.message;
        const progress = [{ step: 'packages', finalizer: false, attempt: 1, lastLine: said }];
        const table = renderTable({ ...status, steps: makeStatus().steps }, progress, {
          columns,
          maxRows: 10,
          nowMs: 10_000,
          paint: plain,
        });
        for (const line of [
          ...table,
          ...renderTable(status, [], { columns, maxRows: 10, nowMs: 10_000, paint: plain }),
        ]) {
          expect(line).not.toMatch(UNFIT);
          expect(line).not.toContain('\n');
          // A wide character has no room in a single column.
          expect(widthOf(line)).toBeLessThanOrEqual(Math.max(2, columns));
        }
        const lines = listChanges(undefined, status, 10_000).map(renderChange);
        for (const line of lines) expect(line).not.toMatch(/\n/);
        const run = { runId: 'r', status: 'RUNNING', phase: '', attention: false, startedAtMs: 0 };
        const runs = renderRuns([{ ...run, id: status.host, plan: status.plan }], 1000);
        expect(runs.join('')).not.toContain('\n');
        const reports = [
          ...renderParked('id', status, command),
          ...renderEnd({ outcome: 'failed', failure: status.failure }, status),
        ];
        for (const line of [...lines, ...runs, ...reports]) expect(line).not.toMatch(UNFIT);
      }),
      { numRuns: 200 },
    );
  });
});
