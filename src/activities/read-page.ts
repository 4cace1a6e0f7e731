import { ChandlerError } from '../domain/run/failure.ts';
import type { Launch } from '../domain/run/ids.ts';
import { finderOf, maskSpans, type SecretFinder, type Span } from '../domain/secrets/mask.ts';
import { MIN_MASKED_LENGTH } from '../domain/secrets/secret-forms.ts';
import type { Host } from '../host/host.ts';
import type { LogChunk, LogOptions } from '../host/launch.ts';
import type { LogPage } from './activity-types.ts';

/** How far before a page to search for the beginning of a secret: longer than any form of a secret, with colour codes inside. */
const CONTEXT_BYTES = 8 * 1024;

/** Reads a page of the log: masked, and cut so that no secret and no character is split between two pages. */
export async function readPage(
  host: Host,
  launch: Launch,
  { values, ...options }: Omit<LogOptions, 'before'> & { values: readonly string[] },
): Promise<LogPage> {
  const { maxBytes } = options;
  const secrets = finderOf(values);
  // A page may begin anywhere, also in the middle of a secret.
  const before = values.length === 0 ? 0 : CONTEXT_BYTES;
  const chunk = await host.log(launch.id, { ...options, before });
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

/** Masks the part of a chunk that can be shown without the rest of the log. `kept` is the length of that part in bytes. */
function showChunk(
  chunk: LogChunk,
  secrets: SecretFinder,
  { maxBytes, isLast }: { maxBytes: number; isLast: boolean },
): { text: string; kept: number } {
  // Latin-1 has one character for each byte, so positions in the text are positions in the log.
  const known = latin1(chunk.before) + latin1(chunk.bytes);
  const from = chunk.before.length;
  const { spans: whole, open } = findIn(known, secrets);
  const spans: Span[] = from < chunk.offset ? [...whole, [0, secrets.endOfCut(known)]] : whole;
  const begun = isLast ? 0 : known.length - open;
  const held = Math.max(begun, isLast ? 0 : unfinishedCharacter(chunk.bytes));
  const end = beforeSpans(known.length - held, spans);
  // A secret longer than a page cannot be kept in one piece.
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

/**
 * Finds secrets in a text. A secret that may continue after a line end counts only from {@link MIN_MASKED_LENGTH} characters on:
 * the line is shown without waiting for the next one, so shorter beginnings stay visible.
 */
function findIn(text: string, secrets: SecretFinder): ReturnType<SecretFinder['find']> {
  const found = secrets.find(text, 1);
  return text.includes('\n', found.open) ? secrets.find(text, MIN_MASKED_LENGTH) : found;
}

/** Moves a cut that is inside a secret to the secret's beginning. */
function beforeSpans(cut: number, spans: readonly Span[]): number {
  const inside = spans.filter(([begin, end]) => begin < cut && cut < end);
  return inside.length === 0 ? cut : beforeSpans(Math.min(...inside.map(([begin]) => begin)), spans);
}

/** How many bytes at the end are the beginning of an incomplete UTF-8 character: three at most. */
function unfinishedCharacter(bytes: Uint8Array): number {
  for (const length of [1, 2, 3]) {
    const byte = bytes.at(-length);
    if (byte === undefined || byte < 0x80) return 0;
    if (byte >= 0xc0) return length < (byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2) ? length : 0;
  }
  return 0;
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}
