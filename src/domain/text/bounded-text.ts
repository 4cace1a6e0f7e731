/**
 * Cuts a text so that it fits into a failure or a search attribute, and replaces lone surrogates. The Temporal server rejects
 * long and malformed texts on every retry, so a workflow that sends one would never end.
 */
export function boundedText(text: string, maxLength: number): string {
  return (text.length > maxLength ? `${text.slice(0, maxLength - 1)}…` : text).toWellFormed();
}
