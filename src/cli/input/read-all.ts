import { readFile } from 'node:fs/promises';
import type { CliContext } from '../context.ts';

/** Reads a file, or standard input if the name is `-`. */
export async function readAll(file: string, { stdin }: Pick<CliContext, 'stdin'>): Promise<string> {
  if (file !== '-') return readFile(file, 'utf8');
  const chunks: Uint8Array[] = [];
  for await (const chunk of stdin) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}
