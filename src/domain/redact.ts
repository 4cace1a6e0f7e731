/** Shorter lines of a secret are not masked: they would hide half of every log. Characters. */
export const MIN_MASKED_LENGTH = 4;

const MASK = '***';

/** What is masked of a secret: the value, and each of its lines, because a terminal shows them one by one. */
export function maskedTexts(values: readonly string[]): string[] {
  const texts = values.flatMap((value) => [value, ...value.split(/\r?\n/)]).map((text) => text.trim());
  return [...new Set(texts)]
    .filter((text) => text.length >= MIN_MASKED_LENGTH)
    .sort((a, b) => b.length - a.length);
}

/**
 * Replaces every secret in a piece of a longer text by `***`; also what may be the end of a secret where it begins, or the
 * beginning of one where it ends.
 */
export function redactPiece(piece: string, values: readonly string[]): string {
  const secrets = maskedTexts(values);
  // Half a character is left where a text was cut between bytes.
  const text = piece.replace(/^\ufffd{1,3}/, '');
  if (text.length >= MIN_MASKED_LENGTH && secrets.some((secret) => secret.includes(text))) return MASK;
  return maskSpans(text, secretSpans(text, secrets, { begin: true, end: true }));
}

/** Where secrets are in a text. `open` tells at which of its ends one may have been cut. */
export function secretSpans(
  text: string,
  secrets: readonly string[],
  open: { readonly begin: boolean; readonly end: boolean },
): Span[] {
  const halves = secrets.flatMap((secret): Span[] => [
    ...(open.begin ? [[0, overlap(secret, text, secret.length - 1)] as const] : []),
    ...(open.end ? [[text.length - overlap(text, secret, secret.length - 1), text.length] as const] : []),
  ]);
  return [...wholeSecrets(text, secrets), ...halves];
}

/** From the first character to before the last. */
export type Span = readonly [begin: number, end: number];

/** Wherever a secret is, also where it overlaps with another one or with itself. */
function wholeSecrets(text: string, secrets: readonly string[]): Span[] {
  const spans: Span[] = [];
  for (const secret of secrets) {
    for (let at = text.indexOf(secret); at >= 0; at = text.indexOf(secret, at + 1)) {
      spans.push([at, at + secret.length]);
    }
  }
  return spans;
}

/** Replaces what is in the spans; what they share is replaced once. */
export function maskSpans(text: string, spans: readonly Span[]): string {
  let masked = '';
  let shown = 0;
  for (const [begin, end] of spans.toSorted((a, b) => a[0] - b[0])) {
    if (begin === end) continue;
    if (begin >= shown) masked += text.slice(shown, begin) + MASK;
    shown = Math.max(shown, end);
  }
  return masked + text.slice(shown);
}

/** How many characters, `most` at most, `before` ends with and `after` begins with. Too few to be masked count as none. */
function overlap(before: string, after: string, most: number): number {
  for (let length = Math.min(before.length, after.length, most); length >= MIN_MASKED_LENGTH; length -= 1) {
    if (before.endsWith(after.slice(0, length))) return length;
  }
  return 0;
}

/**
 * A `sed` program that overwrites every secret in a log with as many asterisks, so that offsets into the log stay
 * right. For `LC_ALL=C`; one secret line at a time.
 */
export function maskingSedProgram(values: readonly string[]): string {
  return maskedTexts(values)
    .filter((text) => !text.includes('\n'))
    .map(
      (text) =>
        `s/${text.replace(/[\\/.*[\]^$]/g, '\\$&')}/${'*'.repeat(new TextEncoder().encode(text).length)}/g`,
    )
    .join('\n');
}
