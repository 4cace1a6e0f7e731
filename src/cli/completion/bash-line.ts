/**
 * The words of a command line that is being typed, as bash takes them; the last one is what the cursor stands in. Words
 * that the shell would still expand stay as they are.
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
      // Another command begins.
      words.length = 0;
      word = undefined;
    } else if (quote === '' && /\s/.test(character)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? '') + character;
  }
  return [...words, word ?? ''];
}

/** What bash puts in place of the last piece of a word: it takes a word as broken at each of these characters. */
export function cutForBash(value: string, typed: string, wordBreaks: string): string {
  const lastBreak = Math.max(
    ...[...wordBreaks].filter((c) => c.trim() !== '').map((c) => typed.lastIndexOf(c)),
  );
  return value.slice(lastBreak + 1);
}
