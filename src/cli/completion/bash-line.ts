/**
 * Splits an incomplete command line into words like bash; the last word is at the cursor. Words that the shell would still expand
 * are unchanged.
 */
export function splitLine(line: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote = '';
  for (let i = 0; i < line.length; i += 1) {
    const character = line.charAt(i);
    if (quote !== "'" && character === '\\') {
      i += 1;
      word = (word ?? '') + line.charAt(i);
    } else if (quote !== '' ? character === quote : character === '"' || character === "'") {
      quote = quote === '' ? character : '';
      word ??= '';
    } else if (quote === '' && /[|;&(]/.test(character)) {
      // Another command begins here.
      words.length = 0;
      word = undefined;
    } else if (quote === '' && /\s/.test(character)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? '') + character;
  }
  return [...words, word ?? ''];
}

/** The part of a completed word that bash inserts: bash splits words at these characters and replaces only the last piece. */
export function cutForBash(value: string, typed: string, wordBreaks: string): string {
  const lastBreak = Math.max(
    ...[...wordBreaks].filter((c) => c.trim() !== '').map((c) => typed.lastIndexOf(c)),
  );
  return value.slice(lastBreak + 1);
}
