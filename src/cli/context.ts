import type { Writable } from 'node:stream';
import type { ReadStream } from 'node:tty';

/** Everything a command needs of the process it runs in. */
export interface CliContext {
  /** How a person calls this program, for commands to copy: `chandler`. */
  readonly program: string;
  /** The command that runs this program once more; arguments come after it. */
  readonly self: readonly [string, ...string[]];
  readonly stdin: AsyncIterable<Uint8Array>;
  /** Where keys come from; missing unless input and output are terminals that can do more than lines. */
  readonly keyboard?: ReadStream;
  readonly stdout: Writable;
  readonly stderr: Writable;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** True when standard output is a terminal that can be redrawn. */
  readonly isTty: boolean;
  /** True when a person sits at both ends: what is typed comes from a terminal, and what is printed goes to one. */
  readonly hasTerminal: boolean;
  readonly color: boolean;
  /** The size of the terminal as it is now, in characters. */
  readonly terminalSize: () => { readonly columns: number; readonly rows: number };
  readonly now: () => number;
  /** Aborted by the first Ctrl-C or SIGTERM. */
  readonly signal: AbortSignal;
  /** Aborted by the second one: end now, whatever it costs. */
  readonly force: AbortSignal;
}

/** Prints lines on standard output. */
export function print(context: CliContext, ...lines: readonly string[]): void {
  context.stdout.write(lines.map((line) => `${line}\n`).join(''));
}

/** Tells what goes on, on standard error: the answer of a command stays alone on standard output. */
export function announceOn(context: CliContext): (line: string) => void {
  return (line) => void context.stderr.write(`${line}\n`);
}

/** Resolves when the signal is aborted, at once if it is already. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
