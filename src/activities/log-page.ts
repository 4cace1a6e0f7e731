import { ChandlerError } from '../domain/failure.ts';
import type { Launch } from '../domain/ids.ts';
import { maskedTexts, maskSpans, secretSpans, type Span } from '../domain/redact.ts';
import type { LogChunk, LogStart } from '../host/launch.ts';
import type { Runner } from '../provision/runner.ts';
import type { LogPage } from './types.ts';

/** How far back a page looks for the beginning of a secret. Longer ones are known by their lines and their halves. */
const MOST_CONTEXT_BYTES = 64 * 1024;

/** A page of the log: redacted, cut so that no secret and no character is split between two pages. */
export async function readPage(
  runner: Runner,
  launch: Launch,
  options: {
    start: number | LogStart;
    maxBytes: number;
    followS: number;
    values: readonly string[];
    signal: AbortSignal;
  },
): Promise<LogPage> {
  const { start, maxBytes, followS, signal } = options;
  const secrets = maskedTexts(options.values).map(asBytes);
  // Whoever asks may begin anywhere, also in the middle of a secret.
  const context = Math.min(MOST_CONTEXT_BYTES, Math.max(0, ...secrets.map(({ length }) => length - 1)));
  const chunk = await runner.readLog(launch, start, maxBytes, followS, signal, context);
  if (chunk.state.kind === 'absent')
    throw new ChandlerError('log-unavailable', `there is no log of ${launch.step}`);
  const over = chunk.state.kind !== 'running' && chunk.state.kind !== 'created';
  const atEnd = chunk.offset + chunk.bytes.length >= chunk.size;
  const { text, kept } = showChunk(chunk, secrets, { maxBytes, isLast: over && atEnd });
  const complete = over && chunk.offset + kept >= chunk.size;
  return {
    text,
    nextOffset: chunk.offset + kept,
    size: chunk.size,
    complete,
    ...(complete && chunk.state.kind === 'exited' && chunk.state.logCut && { cut: true }),
  };
}

/** What can be shown of a chunk without the rest of the log, and how many of its bytes that is. */
function showChunk(
  chunk: LogChunk,
  secrets: readonly string[],
  { maxBytes, isLast }: { maxBytes: number; isLast: boolean },
): { text: string; kept: number } {
  // One character for each byte, so that places in the text are places in the log.
  const known = latin1(chunk.before) + latin1(chunk.bytes);
  const from = chunk.before.length;
  const spans = secretSpans(known, secrets, { begin: from < chunk.offset, end: false });
  const begun = isLast ? 0 : Math.max(0, ...secrets.map((secret) => unfinished(known, secret)));
  const held = Math.max(begun, isLast ? 0 : unfinishedCharacter(chunk.bytes));
  const end = beforeSpans(known.length - held, spans);
  // What is longer than a page can't be kept in one piece.
  const isStuck = end <= from && chunk.bytes.length >= maxBytes;
  const to = isStuck ? known.length : Math.max(from, end);
  const hidden = isStuck ? [...spans, [known.length - begun, known.length] as const] : spans;
  const page = hidden.map(
    ([begin, end]) => [Math.max(begin, from) - from, Math.min(end, to) - from] as const,
  );
  const masked = maskSpans(
    known.slice(from, to),
    page.filter(([begin, end]) => begin < end),
  );
  return { text: Buffer.from(masked, 'latin1').toString('utf8'), kept: to - from };
}

/** Moves a cut to where it is inside no secret. */
function beforeSpans(cut: number, spans: readonly Span[]): number {
  const inside = spans.filter(([begin, end]) => begin < cut && cut < end);
  return inside.length === 0 ? cut : beforeSpans(Math.min(...inside.map(([begin]) => begin)), spans);
}

/** How many bytes at the end are the beginning, but not the whole, of a secret. */
function unfinished(text: string, secret: string): number {
  for (let length = Math.min(text.length, secret.length - 1); length > 0; length -= 1) {
    if (text.endsWith(secret.slice(0, length))) return length;
  }
  return 0;
}

/** How many bytes at the end are the beginning of a character that goes on (UTF-8: at most three). */
function unfinishedCharacter(bytes: Uint8Array): number {
  for (const length of [1, 2, 3]) {
    const byte = bytes.at(-length);
    if (byte === undefined || byte < 0x80) return 0;
    if (byte >= 0xc0) return length < (byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2) ? length : 0;
  }
  return 0;
}

function asBytes(text: string): string {
  return latin1(Buffer.from(text));
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}
