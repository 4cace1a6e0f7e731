import { createReadStream } from 'node:fs';
import type { CliContext } from '../context.ts';
import { CliError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';

/** Far more than a plan may have, so that a device that never ends does not fill the memory. */
const MAX_BYTES = 32 * 1024 * 1024;

/** Reads a file, or standard input if the name is `-`. @throws CliError usage, which calls the file `shown` */
export async function readAll(
  file: string,
  { stdin }: Pick<CliContext, 'stdin'>,
  shown = file,
): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of (file === '-' ? stdin : createReadStream(file)) as AsyncIterable<Uint8Array>) {
      chunks.push(chunk);
      if ((size += chunk.length) > MAX_BYTES) throw new Error(`has more than ${MAX_BYTES} bytes`);
    }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const reason = code === 'ENOENT' ? 'no such file' : code === 'EISDIR' ? 'is a directory' : message;
    throw new CliError(exitCodes.usage, `${shown}: ${reason}`, { cause: error });
  }
  return Buffer.concat(chunks).toString('utf8');
}
