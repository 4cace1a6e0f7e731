import type { CliContext } from '../context.ts';
import { widthOf } from '../output/text.ts';

/** A block of lines at the bottom of the terminal that is redrawn in place. */
export interface RedrawnBlock {
  draw(lines: readonly string[]): void;
  /** Prints permanent lines above the block. */
  printAbove(lines: readonly string[]): void;
  /** Keeps the block; later output follows below it. */
  close(): void;
}

const ESC = '\u001b[';
const HIDE_CURSOR = `${ESC}?25l`;
const SHOW_CURSOR = `${ESC}?25h`;
/** A line that is wider than calculated (wide characters, a resize) is cut and not wrapped. */
const WRAP_OFF = `${ESC}?7l`;
const WRAP_ON = `${ESC}?7h`;

export function createRedrawnBlock({
  stdout,
  terminalSize,
}: Pick<CliContext, 'stdout' | 'terminalSize'>): RedrawnBlock {
  let shown: readonly string[] = [];
  const erase = () => {
    const up = rowsOf(shown, terminalSize().columns);
    return `${up > 0 ? `${ESC}${up}A` : ''}\r${ESC}J`;
  };
  // One write for each picture, so that it never flickers.
  const put = (above: readonly string[], block: readonly string[]) => {
    const lines = [...above, ...block].map((line) => `${line}\n`).join('');
    stdout.write(`${HIDE_CURSOR}${erase()}${WRAP_OFF}${lines}${WRAP_ON}${SHOW_CURSOR}`);
    shown = block;
  };
  return {
    draw: (lines) => put([], lines),
    printAbove(lines) {
      const block = shown;
      stdout.write(`${erase()}${lines.map((line) => `${line}\n`).join('')}`);
      shown = [];
      put([], block);
    },
    close() {
      shown = [];
    },
  };
}

/** The rows that lines occupy. If the terminal has become narrower meanwhile, most terminals wrap them. */
export function rowsOf(lines: readonly string[], columns: number): number {
  return lines.reduce((rows, line) => rows + Math.max(1, Math.ceil(widthOf(line) / columns)), 0);
}
