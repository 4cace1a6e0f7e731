import { spawn } from 'node:child_process';
import type { Output } from './types.ts';

export interface RunOptions {
  readonly stdin?: string | undefined;
  readonly timeoutMs?: number | undefined;
  readonly env?: Readonly<Record<string, string>> | undefined;
}

/** Runs a program without a shell to its end; a missing program or one killed at the timeout is a result too. */
export function run(argv: readonly string[], options: RunOptions = {}): Promise<Output> {
  const [file = '', ...args] = argv;
  return new Promise((resolve) => {
    const child = spawn(file, args, {
      stdio: 'pipe',
      ...(options.env && { env: options.env }),
      ...(options.timeoutMs !== undefined && { timeout: options.timeoutMs, killSignal: 'SIGKILL' }),
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.on('error', (error) => resolve({ code: 127, signal: null, stdout, stderr: error.message }));
    // What a killed program has started may hold its output open for ever.
    child.on('exit', (_, signal) => {
      if (signal === null) return;
      child.stdout.destroy();
      child.stderr.destroy();
    });
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
    // A program that leaves before it has read everything is no fault of ours.
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.stdin ?? '');
  });
}

/**
 * Runs a program that must succeed and returns what it printed.
 *
 * @throws Error with the program's own words when it does not exit with 0.
 */
export async function runOrThrow(argv: readonly string[], options: RunOptions = {}): Promise<string> {
  const output = await run(argv, options);
  if (output.code === 0) return output.stdout;
  const end = output.signal ?? `exit ${output.code}`;
  throw new Error(`${argv.join(' ')} failed (${end}): ${(output.stderr || output.stdout).trim()}`);
}
