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

/** Replaces every secret in a text by `***`. */
export function redact(text: string, values: readonly string[]): string {
  return maskedTexts(values).reduce((masked, secret) => masked.replaceAll(secret, MASK), text);
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
