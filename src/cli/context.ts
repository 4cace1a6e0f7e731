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
  /** What is told beside the answer: nothing but errors, what a person needs, or also what is tried. */
  readonly verbosity: Verbosity;
}

export type Verbosity = 'quiet' | 'normal' | 'verbose';

/** What the process knows before its arguments are read. */
export type ProcessContext = Omit<CliContext, 'verbosity'>;

/** Prints lines on standard output. */
export function print(context: CliContext, ...lines: readonly string[]): void {
  context.stdout.write(lines.map((line) => `${line}\n`).join(''));
}

/** Tells what goes on, on standard error: the answer of a command stays alone on standard output. Not with --quiet. */
export function announceOn(context: CliContext): (line: string) => void {
  return (line) => {
    if (context.verbosity !== 'quiet') tell(context, line);
  };
}

/** Tells what is tried and how it went, with --verbose only. */
export function detailOn(context: CliContext): (line: string) => void {
  return (line) => {
    if (context.verbosity === 'verbose') tell(context, `· ${line}`);
  };
}

/** Tells what nobody may miss, on standard error. */
export function warn(context: CliContext, line: string): void {
  tell(context, line);
}

function tell({ stderr }: CliContext, line: string): void {
  stderr.write(`${line}\n`);
}

/** Resolves when the signal is aborted, at once if it is already. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
