import { constants, lstatSync, type Stats } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { messageOf } from '../domain/run/failure.ts';

/** Opening must neither block on a pipe or terminal, nor follow a link that has replaced the file. */
const FLAGS = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW | constants.O_NOCTTY;

/**
 * Reads a regular file of at most `maxBytes`; `path` must be resolved already. Throws for anything else without reading it,
 * because a few blocked reads of pipes would occupy all of Node's file threads.
 */
export async function readRegularFile(path: string, maxBytes: number): Promise<Buffer> {
  const reason = whyNotRegular(path);
  if (reason !== undefined) throw new Error(reason);
  const file = await open(path, FLAGS);
  try {
    return await readBounded(file, maxBytes);
  } finally {
    await file.close();
  }
}

/**
 * Returns a function like {@link readRegularFile} that reads a file again only when it was replaced or changed, its permissions
 * included.
 */
export function rememberFiles(): typeof readRegularFile {
  const known = new Map<string, { readonly version: string; readonly content: Buffer }>();
  return async (path, maxBytes) => {
    const { dev, ino, size, mtimeNs, ctimeNs } = lstatSync(path, { bigint: true });
    const version = [dev, ino, size, mtimeNs, ctimeNs].join(' ');
    const earlier = known.get(path);
    if (earlier?.version === version) return earlier.content;
    const content = await readRegularFile(path, maxBytes);
    known.set(path, { version, content });
    return content;
  };
}

/** Why a path is not a regular file that can be inspected; undefined if it is. */
export function whyNotRegular(path: string): string | undefined {
  try {
    return notRegular(lstatSync(path));
  } catch (error) {
    return messageOf(error);
  }
}

async function readBounded(file: FileHandle, maxBytes: number): Promise<Buffer> {
  const about = await file.stat();
  const reason = notRegular(about);
  if (reason !== undefined) throw new Error(reason);
  const tooLarge = () => new Error(`it is larger than ${maxBytes} bytes`);
  if (about.size > maxBytes) throw tooLarge();
  // The file may grow meanwhile, and some files in /proc report no size.
  const buffer = Buffer.alloc(about.size + 4096);
  const chunks: Buffer[] = [];
  let length = 0;
  for (;;) {
    const { bytesRead } = await file.read(buffer, 0, buffer.length, null);
    if (bytesRead === 0) return Buffer.concat(chunks);
    length += bytesRead;
    if (length > maxBytes) throw tooLarge();
    chunks.push(Buffer.from(buffer.subarray(0, bytesRead)));
  }
}

function notRegular(about: Stats): string | undefined {
  if (about.isFile()) return undefined;
  const kinds = [
    [about.isDirectory(), 'a directory'],
    [about.isFIFO(), 'a pipe'],
    [about.isSocket(), 'a socket'],
    [about.isSymbolicLink(), 'a symbolic link'],
  ] as const;
  return `it is ${kinds.find(([is]) => is)?.[1] ?? 'a device'}, not a regular file`;
}
