import { setImmediate } from 'node:timers/promises';
import { runCli } from '../../src/cli/run-cli.ts';
import { fakeContext } from '../cli/fake-context.ts';
import type { ChandlerOptions, Ended } from './chandler.ts';

/** Runs a command line in this process, which is cheaper than `chandler()`, for what does not depend on the process. */
export async function chandlerHere(
  args: readonly string[],
  { home, env }: Pick<ChandlerOptions, 'home' | 'env'>,
): Promise<Ended> {
  const [stdout, stderr] = [fakeContext(), fakeContext()];
  const exitCode = await runCli(args, {
    ...stdout,
    stderr: stderr.stdout,
    env: { PATH: process.env['PATH'], HOME: home, XDG_STATE_HOME: home, ...env },
    now: Date.now,
  });
  // What was written is delivered in a later turn.
  await setImmediate();
  return { exitCode, stdout: stdout.output(), stderr: stderr.output() };
}
