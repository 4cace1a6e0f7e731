import { listChanges, renderChange } from './render/changes.ts';
import { colored, plain } from './render/paint.ts';
import { renderTable } from './render/table.ts';
import { announceOn, print, type CliContext } from './context.ts';
import type { RunStatus } from '../domain/status.ts';
import { jsonLine } from './print-json.ts';
import { createScreen } from './screen.ts';
import type { Progress } from './look.ts';

/** Shows a run as it goes. */
export interface Display {
  show(status: RunStatus, progress: readonly Progress[]): void;
  /** Something beside the run's state. */
  say(...lines: readonly string[]): void;
  /** Leaves what is shown as it is; what is said from now on comes after it. */
  close(): void;
}

/** A table that is redrawn in place. */
export function createTableDisplay(context: CliContext): Display {
  const screen = createScreen(context);
  const draw = (status: RunStatus, progress: readonly Progress[]) => {
    const { columns, rows } = context.terminalSize();
    const paint = context.color ? colored : plain;
    screen.draw(renderTable(status, progress, { columns, maxRows: rows - 4, nowMs: context.now(), paint }));
  };
  return {
    show: draw,
    say: (...lines) => screen.printAbove(lines),
    close: () => screen.close(),
  };
}

/** A line for each change. */
export function createLineDisplay(context: CliContext): Display {
  return createChangeDisplay(context, renderChange);
}

/** A line of JSON for each change; what else there is to say goes to standard error. */
export function createJsonDisplay(context: CliContext): Display {
  return {
    ...createChangeDisplay(context, (change) => jsonLine(change).trimEnd()),
    say: (...lines) => lines.forEach(announceOn(context)),
  };
}

function createChangeDisplay(
  context: CliContext,
  render: (change: ReturnType<typeof listChanges>[number]) => string,
): Display {
  let before: RunStatus | undefined;
  return {
    show(status) {
      const changes = listChanges(before, status, context.now());
      before = status;
      print(context, ...changes.map(render));
    },
    say: (...lines) => print(context, ...lines),
    close() {},
  };
}
