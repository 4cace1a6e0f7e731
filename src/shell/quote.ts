const SAFE = /^[A-Za-z0-9_@+:,./-][A-Za-z0-9_@%+=:,./-]*$/;

/**
 * Quotes one word so that every shell reads it literally (csh only a word without a line end). Backslashes and exclamation
 * marks stand outside the quotes, because inside them fish interprets the first and csh the second.
 *
 * @throws TypeError for a NUL byte: no argument of a process can hold one.
 */
export function quote(word: string): string {
  if (word.includes('\0')) throw new TypeError('a shell word cannot hold a NUL byte');
  return SAFE.test(word) ? word : `'${word.replaceAll(/['\\!]/g, (character) => `'\\${character}'`)}'`;
}

/** Like {@link quote}, for operands at the end of a command: one that begins with a dash must not be read as an option. */
export function quoteOperand(word: string): string {
  return word.startsWith('-') ? `-- ${quote(word)}` : quote(word);
}
