import { spawn } from 'node:child_process';
import { access, constants, open, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { messageOf } from '../../domain/run/failure.ts';
import { oneLine } from '../../domain/text/plain-text.ts';
import type { CliContext } from '../context.ts';
import { CliError, usageError } from '../errors.ts';
import { readAll } from '../input/read-all.ts';

/** More than any inventory script prints, and less than this program can hold. */
const MAX_BYTES = 64 * 1024 * 1024;
const HEAD_BYTES = 512;

/**
 * Reads the text of an inventory: from standard input if the source is `-`, from what a command prints for `--list`, or from a file.
 *
 * @throws CliError usage
 */
export async function readInventoryText(
  source: string,
  context: Pick<CliContext, 'stdin' | 'env' | 'signal'>,
): Promise<string> {
  if (source === '-') return readAll(source, context, 'stdin');
  if (await isCommand(source)) return runCommand(source, context);
  const found = await stat(source).catch(() => undefined);
  if (found?.isDirectory())
    throw usageError(`${source}: is a directory; give one file, or the output of: ansible-inventory --list`);
  return readAll(source, context);
}

/** Whether this user may execute the file, and it is a program: it begins with `#!`, or is not text. */
async function isCommand(path: string): Promise<boolean> {
  try {
    if (!(await stat(path)).isFile()) return false;
    await access(path, constants.X_OK);
    const file = await open(path);
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
      const head = buffer.subarray(0, bytesRead);
      return head.toString('latin1').startsWith('#!') || head.includes(0);
    } finally {
      await file.close();
    }
  } catch {
    // Reading the file reports the error.
    return false;
  }
}

async function runCommand(
  path: string,
  { env, signal }: Pick<CliContext, 'env' | 'signal'>,
): Promise<string> {
  const child = spawn(resolve(path), ['--list'], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...env },
    signal,
  });
  const chunks: Buffer[] = [];
  let errors = '';
  let bytes = 0;
  child.stdout.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= MAX_BYTES) chunks.push(chunk);
    else child.kill('SIGKILL');
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors = (errors + text).slice(-2000)));
  try {
    const end = await new Promise<number | string>((done, failed) => {
      child.once('error', failed);
      child.once('close', (code, killed) => done(code ?? killed ?? 'unknown'));
    });
    if (bytes > MAX_BYTES) throw usageError(`${path} --list: prints more than ${MAX_BYTES} bytes`);
    if (end === 0) return Buffer.concat(chunks).toString('utf8');
    const why = errors.trim() === '' ? '' : `: ${oneLine(errors.trim())}`;
    throw usageError(`${path} --list: ended with ${end}${why}`);
  } catch (error) {
    if (error instanceof CliError) throw error;
    throw usageError(`${path}: cannot be run: ${messageOf(error)}`);
  }
}
