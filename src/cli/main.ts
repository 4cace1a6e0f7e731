#!/usr/bin/env node
import { setMaxListeners } from 'node:events';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ProcessContext } from './context.ts';
import { exitCodes } from './exit-codes.ts';
import { runCli } from './run-cli.ts';

/** The code that shells report for a command ended by SIGPIPE. */
const READER_GONE = 141;

const { stdin, stdout, stderr, env } = process;
const interrupt = new AbortController();
const force = new AbortController();
// Each of the hosts of an inventory listens, and Node.js would warn of more than ten.
setMaxListeners(0, interrupt.signal);

for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(name, () => {
    if (force.signal.aborted) process.exit(exitCodes.interrupted);
    else if (interrupt.signal.aborted) force.abort();
    else interrupt.abort();
  });
}
// Nothing more can be printed: `chandler logs … | head`, a lost terminal, or a full disk. Work in progress is stopped in an
// orderly way.
let broken: NodeJS.ErrnoException | undefined;
for (const stream of [stdout, stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    broken ??= error;
    interrupt.abort();
  });
}

const own = fileURLToPath(import.meta.url);
const isTty = stdout.isTTY && env['TERM'] !== 'dumb';
const context: ProcessContext = {
  program: howCalled(),
  self: [process.execPath, ...process.execArgv, own],
  stdin,
  ...(isTty && stdin.isTTY && { keyboard: stdin }),
  stdout,
  stderr,
  env,
  isTty,
  hasTerminal: stdin.isTTY && stdout.isTTY,
  color: isTty && !env['NO_COLOR'],
  terminalSize: () => ({ columns: stdout.columns || 80, rows: stdout.rows || 24 }),
  now: Date.now,
  signal: interrupt.signal,
  force: force.signal,
};
const exitCode = await runCli(process.argv.slice(2), context);
// Open handles must not keep the process alive, but all output must be flushed.
stdout.write('', (error) => {
  broken ??= error ?? undefined;
  process.exit(broken ? exitCodeOfBroken(broken) : exitCode);
});

/** The exit code when output cannot be written. Only a reader that went away is no failure. */
function exitCodeOfBroken({ code = '', message }: NodeJS.ErrnoException): number {
  if (['EPIPE', 'EIO', 'ECONNRESET', 'ERR_STREAM_DESTROYED'].includes(code)) return READER_GONE;
  stderr.write(`cannot write the output: ${message}\n`);
  return exitCodes.failed;
}

/** The program name in commands to copy: in a clone `chandler` is not in PATH. */
function howCalled(): string {
  return own.endsWith('.ts') ? `npx tsx ${relative(process.cwd(), own)}` : 'chandler';
}
