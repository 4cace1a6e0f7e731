import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { poll } from './poll.ts';

const exec = promisify(execFile);

/** A shell in a real terminal, for full-screen programs. */
export interface TmuxTerminal {
  /** The text on the screen, without trailing blanks. */
  readonly text: () => Promise<string>;
  /** Presses keys by their names in tmux (`Enter`, `C-c`, `PPage`), or single letters. */
  readonly press: (...keys: readonly string[]) => Promise<void>;
  readonly type: (text: string) => Promise<void>;
  /** Waits until the screen shows the text. Returns the screen. */
  readonly until: (wanted: RegExp | ((text: string) => boolean), what?: string) => Promise<string>;
  readonly resize: (columns: number, rows: number) => Promise<void>;
  /** The modes of the terminal. A program that exits must leave no alternate screen and a visible cursor. */
  readonly modes: () => Promise<{ readonly alternate: boolean; readonly cursor: boolean }>;
  /** Copies all further output to the standard input of a shell command. */
  readonly pipeTo: (command: string) => Promise<void>;
  /** Closes the terminal under the program in it. */
  readonly hangUp: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

export interface TmuxOptions {
  readonly columns: number;
  readonly rows: number;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Starts a shell in its own tmux server. */
export async function startTmux({ columns, rows, env }: TmuxOptions): Promise<TmuxTerminal> {
  const dir = await mkdtemp(join(tmpdir(), 'chandler-tmux-'));
  const tmux = async (...args: readonly string[]): Promise<string> => {
    const command = ['-S', join(dir, 'socket'), '-f', '/dev/null', ...args];
    const { stdout } = await exec('tmux', command, {
      env: { PATH: process.env['PATH'], HOME: dir, HISTFILE: '', LC_ALL: 'C.UTF-8', ...env },
    });
    return stdout;
  };
  const size = ['-x', String(columns), '-y', String(rows)];
  await tmux('new-session', '-d', ...size, 'bash --norc --noprofile');
  const text = async () => (await tmux('capture-pane', '-p')).replaceAll(/[ \n]+$/g, '');
  await poll(async () => /[$#]/.test(await text()), 'the shell has started');
  return {
    text,
    press: async (...keys) => void (await tmux('send-keys', ...keys)),
    type: async (typed) => void (await tmux('send-keys', '-l', typed)),
    async until(wanted, what = String(wanted)) {
      let seen = '';
      const isThere = (now: string) => (typeof wanted === 'function' ? wanted(now) : wanted.test(now));
      await poll(
        async () => isThere((seen = await text())),
        what,
        () => seen,
      );
      return seen;
    },
    resize: async (x, y) => void (await tmux('resize-window', '-x', String(x), '-y', String(y))),
    async modes() {
      const flags = await tmux('display-message', '-p', '#{alternate_on} #{cursor_flag}');
      return { alternate: flags.startsWith('1'), cursor: flags.trim().endsWith('1') };
    },
    pipeTo: async (command) => void (await tmux('pipe-pane', '-O', command)),
    hangUp: async () => void (await tmux('kill-pane')),
    async stop() {
      // The server exits by itself with its last session.
      await tmux('kill-server').catch((error: unknown) => {
        if (!String(error).includes('no server running')) throw error;
      });
      // A program that is ending may still write files.
      await rm(dir, { recursive: true, force: true, maxRetries: 10 });
    },
  };
}
