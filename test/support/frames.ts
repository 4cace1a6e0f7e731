import type { Command } from '../../src/shell/index.ts';

/** The token among the words of a call. */
export function tokenOf({ words }: Command): string {
  return words.find((word): word is string => typeof word === 'string' && /^[0-9a-f]{24}$/.test(word)) ?? '';
}

/** An answer as the host programs print it. */
function frame(token: string, body: string | Buffer): Buffer {
  return Buffer.concat([
    Buffer.from(`chandler:${token}:${Buffer.byteLength(body)}:`),
    Buffer.from(body),
    Buffer.from(`:${token}\n`),
  ]);
}

/**
 * What a host prints for a command: each line `chandler: BODY` of the text becomes an answer in a frame, followed by the
 * frame `end` unless `ends` is false. Around any other command than a host program, frames mark its begin and its code.
 */
export function asPrinted(
  command: Command,
  text: string | Uint8Array,
  { code = 0, ends = true }: { code?: number; ends?: boolean } = {},
): Buffer {
  const token = tokenOf(command);
  const bytes = Buffer.from(text as Uint8Array);
  if (command.words.some((word) => typeof word === 'string' && word.includes('say begin')))
    return Buffer.concat([frame(token, 'begin'), bytes, ends ? frame(token, `code=${code}`) : Buffer.of()]);
  const lines: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    const found = bytes.indexOf('\n', at);
    const end = found < 0 ? bytes.length : found;
    const line = bytes.subarray(at, end);
    lines.push(
      line.indexOf('chandler: ') === 0 ? frame(token, line.subarray(10)) : bytes.subarray(at, end + 1),
    );
    at = end + 1;
  }
  return Buffer.concat([...lines, ends ? frame(token, 'end') : Buffer.of()]);
}
