import { execFile } from 'node:child_process';

export type Env = Readonly<Record<string, string | undefined>>;

export type Answer =
  | { readonly ok: true; readonly stdout: string }
  | { readonly ok: false; readonly code: number | string | undefined; readonly reason: string };

/** Runs a program to its end. Rejects only when aborted. */
export function ask(
  program: string,
  args: readonly string[],
  { env, timeoutMs, signal }: { env?: Env; timeoutMs: number; signal?: AbortSignal | undefined },
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const settings = { timeout: timeoutMs, maxBuffer: 2 ** 24, killSignal: 'SIGKILL' as const, env, signal };
    const child = execFile(program, [...args], settings, (error, stdout, stderr) => {
      if (!error) return resolve({ ok: true, stdout });
      if (signal?.aborted) return reject(error);
      const lastLine = stderr.trim().split('\n').at(-1) ?? '';
      const timedOut = error.killed === true ? `no answer within ${timeoutMs / 1000} s` : undefined;
      const code = error.code ?? undefined;
      const ended = typeof code === 'number' ? `exit ${code}` : (code ?? error.signal ?? error.message);
      resolve({ ok: false, code, reason: timedOut ?? [ended, lastLine].filter(Boolean).join(': ') });
    });
    child.stdin?.end();
  });
}
