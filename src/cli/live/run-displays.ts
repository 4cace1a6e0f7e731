import type { StepProgress } from '../../client.ts';
import type { RunStatus } from '../../domain/run/status.ts';
import { announceOn, print, type CliContext } from '../context.ts';
import { listChanges, renderChange, type Change } from '../output/changes.ts';
import { colored, plain } from '../output/paint.ts';
import { jsonLine } from '../output/print-json.ts';
import { renderTable } from '../output/render-table.ts';
import { createRedrawnBlock } from './redrawn-block.ts';

export interface RunDisplay {
  show(status: RunStatus, progress: readonly StepProgress[]): void;
  /** Prints messages that are not part of the run's state. */
  say(...lines: readonly string[]): void;
  /** Keeps the display; later output follows below it. */
  close(): void;
}

/** A table that is redrawn in place on a terminal; elsewhere one line for each change, as text or JSON. */
export function createRunDisplay(context: CliContext, json: boolean): RunDisplay {
  if (json)
    return {
      ...createChangeDisplay(context, (change) => jsonLine(change).trimEnd()),
      // Standard output carries JSON only.
      say: (...lines) => lines.forEach(announceOn(context)),
    };
  return context.isTty ? createTableDisplay(context) : createChangeDisplay(context, renderChange);
}

function createTableDisplay(context: CliContext): RunDisplay {
  const block = createRedrawnBlock(context);
  const paint = context.color ? colored : plain;
  return {
    show(status, progress) {
      const { columns, rows } = context.terminalSize();
      block.draw(renderTable(status, progress, { columns, maxRows: rows - 4, nowMs: context.now(), paint }));
    },
    say: (...lines) => block.printAbove(lines),
    close: () => block.close(),
  };
}

function createChangeDisplay(context: CliContext, render: (change: Change) => string): RunDisplay {
  let before: RunStatus | undefined;
  return {
    show(status) {
      print(context, ...listChanges(before, status, context.now()).map(render));
      before = status;
    },
    say: (...lines) => print(context, ...lines),
    close() {},
  };
}
