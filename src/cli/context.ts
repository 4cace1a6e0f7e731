import type { Writable } from 'node:stream';
import type { ReadStream } from 'node:tty';

export interface CliContext {
  /** The name with which this program was called: `chandler`. */
  readonly program: string;
  /** The command that runs this program again, without arguments. */
  readonly self: readonly [string, ...string[]];
  readonly stdin: AsyncIterable<Uint8Array>;
  /** Missing unless input and output are terminals that can be redrawn. */
  readonly keyboard?: ReadStream;
  readonly stdout: Writable;
  readonly stderr: Writable;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** True when standard output is a terminal that can be redrawn. */
  readonly isTty: boolean;
  /** True when input and output are terminals. */
  readonly hasTerminal: boolean;
  readonly color: boolean;
  /** In characters. */
  readonly terminalSize: () => { readonly columns: number; readonly rows: number };
  readonly now: () => number;
  /** Aborted by the first Ctrl-C or SIGTERM. */
  readonly signal: AbortSignal;
  /** Aborted by the second Ctrl-C or SIGTERM: end at once. */
  readonly force: AbortSignal;
  /** How much to print on standard error besides the result. */
  readonly verbosity: Verbosity;
}

export type Verbosity = 'quiet' | 'normal' | 'verbose';

/** The context before the arguments are parsed. */
export type ProcessContext = Omit<CliContext, 'verbosity'>;

export function print(context: CliContext, ...lines: readonly string[]): void {
  context.stdout.write(lines.map((line) => `${line}\n`).join(''));
}

/** Returns a function that prints progress on standard error, separate from the result; nothing with --quiet. */
export function announceOn(context: CliContext): (line: string) => void {
  return (line) => {
    if (context.verbosity !== 'quiet') warn(context, line);
  };
}

/** Returns a function that prints details on standard error, with --verbose only. */
export function detailOn(context: CliContext): (line: string) => void {
  return (line) => {
    if (context.verbosity === 'verbose') warn(context, `· ${line}`);
  };
}

/** Prints a warning on standard error, also with --quiet. */
export function warn({ stderr }: CliContext, line: string): void {
  stderr.write(`${line}\n`);
}

/** Resolves when the signal is aborted; at once if it already is. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** Returns what `work` does, or fails when the second Ctrl-C comes first: what starts a worker cannot be cancelled. */
export async function unlessForced<T>({ force }: Pick<CliContext, 'force'>, work: Promise<T>): Promise<T> {
  await Promise.race([work, aborted(force)]);
  force.throwIfAborted();
  return work;
}
