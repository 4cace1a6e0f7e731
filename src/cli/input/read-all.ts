import { readFile } from 'node:fs/promises';
import type { CliContext } from '../context.ts';
import { CliError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';

/** Reads a file, or standard input if the name is `-`. @throws CliError usage, which calls the file `shown` */
export async function readAll(
  file: string,
  { stdin }: Pick<CliContext, 'stdin'>,
  shown = file,
): Promise<string> {
  try {
    if (file !== '-') return await readFile(file, 'utf8');
    const chunks: Uint8Array[] = [];
    for await (const chunk of stdin) chunks.push(chunk);
    return Buffer.concat(chunks).toString('utf8');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const reason = code === 'ENOENT' ? 'no such file' : code === 'EISDIR' ? 'is a directory' : message;
    throw new CliError(exitCodes.usage, `${shown}: ${reason}`, { cause: error });
  }
}
