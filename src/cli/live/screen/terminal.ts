import { emitKeypressEvents, type Interface } from 'node:readline';
import type { CliContext } from '../../context.ts';
import { toKey, type Key, type Keypress } from './key.ts';

/** The whole screen of a terminal, and its keys. */
export interface Terminal {
  /** Draws the rows that differ from those on the screen, in one write. */
  draw(lines: readonly string[]): void;
  /** Makes the next `draw` draw everything. */
  forget(): void;
  bell(): void;
  /** Restores the terminal to its original state. */
  leave(): void;
  enter(): void;
}

const ESC = '\u001b[';
const CLEAR = `${ESC}2J`;
/** The alternate screen; bracketed paste; no wrapping, so that a line wider than calculated is cut; no cursor. */
const ENTER = `${ESC}?1049h${ESC}?2004h${ESC}?7l${ESC}?25l${CLEAR}`;
const LEAVE = `${ESC}?25h${ESC}?7h${ESC}?2004l${ESC}?1049l`;
/** Clears before writing a line: after a full line the cursor stays on the last column, which would be cleared. */
const CLEAR_LINE = `${ESC}K`;
/** Resets colours that a line may have left on. */
const END_OF_LINE = `${ESC}0m`;
/** After this time a lone Esc counts as the key, not as the beginning of a sequence. */
const ESCAPE_MS = 60;

export function openTerminal(
  { stdout }: Pick<CliContext, 'stdout'>,
  keyboard: NonNullable<CliContext['keyboard']>,
  onKey: (key: Key) => void,
): Terminal {
  let shown: readonly string[] = [];
  let mine = false;
  const press = (text: string | undefined, key: Keypress) => {
    if (mine) onKey(toKey(text, key));
  };
  emitKeypressEvents(keyboard, { escapeCodeTimeout: ESCAPE_MS } as unknown as Interface);
  keyboard.on('keypress', press);
  // If the terminal is gone, its signal or an output error ends the program.
  keyboard.on('error', () => undefined);
  const leave = () => {
    if (!mine) return;
    mine = false;
    shown = [];
    stdout.write(LEAVE);
    setRaw(keyboard, false);
    keyboard.pause();
    process.off('exit', leave);
  };
  return {
    draw(lines) {
      if (!mine) return;
      const changed = lines.flatMap((line, i) =>
        line === shown[i] ? [] : [`${ESC}${i + 1};1H${CLEAR_LINE}${line}${END_OF_LINE}`],
      );
      if (changed.length > 0) stdout.write(changed.join(''));
      shown = lines;
    },
    forget() {
      shown = [];
      if (mine) stdout.write(CLEAR);
    },
    bell: () => void stdout.write('\u0007'),
    leave,
    enter() {
      if (mine) return;
      mine = true;
      setRaw(keyboard, true);
      keyboard.resume();
      stdout.write(ENTER);
      // Also runs when the program exits unexpectedly.
      process.on('exit', leave);
    },
  };
}

/** A terminal that is gone accepts no settings, and needs none. */
function setRaw(keyboard: NonNullable<CliContext['keyboard']>, raw: boolean): void {
  try {
    keyboard.setRawMode(raw);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EIO') throw error;
  }
}
