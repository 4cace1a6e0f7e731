import { Readable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { runCli } from '../../src/cli/run-cli.ts';
import { fakeContext } from '../cli/fake-context.ts';
import type { ChandlerOptions, Ended } from './chandler.ts';

/** Commands that replace parts of their process, or hand it to a program of its own. */
const OWN_PROCESS: ReadonlySet<string | undefined> = new Set(['worker', 'dev', 'attach', 'ssh']);

/** Whether a command line does not depend on its process. */
export function canRunHere(args: readonly string[]): boolean {
  return !OWN_PROCESS.has(args[0]) || args.includes('--print');
}

/** Runs a command line in this process, which is cheaper than `chandler()`, if it does not depend on its process: {@link canRunHere}. */
export async function chandlerHere(
  args: readonly string[],
  { home, env, input = '' }: Pick<ChandlerOptions, 'home' | 'env' | 'input'>,
): Promise<Ended> {
  const [stdout, stderr] = [fakeContext(), fakeContext()];
  const stdin = Readable.from(input === '' ? [] : [Buffer.from(input)]);
  const exitCode = await runCli(args, {
    ...stdout,
    stdin,
    stderr: stderr.stdout,
    env: { PATH: process.env['PATH'], HOME: home, XDG_STATE_HOME: home, ...env },
    now: Date.now,
  });
  // What was written is delivered in a later turn.
  await setImmediate();
  return { exitCode, stdout: stdout.output(), stderr: stderr.output() };
}
