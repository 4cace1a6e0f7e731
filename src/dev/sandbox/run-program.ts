import { spawn } from 'node:child_process';
import type { Output } from './sandbox-host.ts';

interface RunOptions {
  readonly stdin?: string | undefined;
  readonly timeoutMs?: number | undefined;
}

/** Runs a program without a shell. A missing program or one killed at the timeout does not reject. */
export function run(
  [file = '', ...args]: readonly string[],
  { stdin = '', timeoutMs }: RunOptions = {},
): Promise<Output> {
  return new Promise((resolve) => {
    const child = spawn(file, args, { stdio: 'pipe', timeout: timeoutMs, killSignal: 'SIGKILL' });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.on('error', (error) => resolve({ code: 127, signal: null, stdout, stderr: error.message }));
    // Children of a killed program may hold its output open for ever.
    child.on('exit', (_, signal) => {
      if (signal === null) return;
      child.stdout.destroy();
      child.stderr.destroy();
    });
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
    // A program need not read all of its input.
    child.stdin.on('error', () => undefined);
    child.stdin.end(stdin);
  });
}

/** Returns standard output. @throws Error with the program's output if it does not exit with 0 */
export async function runOrThrow(argv: readonly string[], options: RunOptions = {}): Promise<string> {
  const output = await run(argv, options);
  if (output.code === 0) return output.stdout;
  const end = output.signal ?? `exit ${output.code}`;
  throw new Error(`${argv.join(' ')} failed (${end}): ${(output.stderr || output.stdout).trim()}`);
}
