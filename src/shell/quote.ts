const SAFE = /^[A-Za-z0-9_@%+:,./-][A-Za-z0-9_@%+=:,./-]*$/;

/**
 * Quotes one word for a POSIX shell so that it is taken literally, whatever it holds.
 *
 * @throws TypeError for a NUL byte: no argument of a process can hold one.
 */
export function quote(word: string): string {
  if (word.includes('\0')) throw new TypeError('a shell word cannot hold a NUL byte');
  return SAFE.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** {@link quote}, for the last words of a command: what begins with a dash must not be taken for an option of it. */
export function quoteOperand(word: string): string {
  return word.startsWith('-') ? `-- ${quote(word)}` : quote(word);
}
