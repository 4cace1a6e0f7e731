/**
 * A text that fits into a failure or a search attribute whatever it was made from: cut, and without half characters.
 * The engine refuses both too much and what is not Unicode, again and again: a workflow that says it never ends.
 */
export function boundedText(text: string, maxLength: number): string {
  return (text.length > maxLength ? `${text.slice(0, maxLength - 1)}…` : text).toWellFormed();
}
