/** Splits a line into words as a shell does: white space, quotes, backslashes, and a comment after `#`. Nothing is expanded. */
export function shellWords(
  line: string,
): { words: string[]; problem?: never } | { words?: never; problem: string } {
  const words: string[] = [];
  let word: string | undefined;
  for (let at = 0; at < line.length; at += 1) {
    const char = line[at]!;
    if (char === "'" || char === '"') {
      const end = endOfQuote(line, at);
      if (end < 0) return { problem: `a quote ${char} is not closed` };
      const body = line.slice(at + 1, end);
      word = (word ?? '') + (char === '"' ? body.replaceAll(/\\(["\\])/g, '$1') : body);
      at = end;
    } else if (char === '\\') {
      if (at + 1 === line.length) return { problem: 'nothing follows the last backslash' };
      word = (word ?? '') + line[(at += 1)]!;
    } else if (/\s/.test(char)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (char === '#') break;
    else word = (word ?? '') + char;
  }
  return { words: word === undefined ? words : [...words, word] };
}

function endOfQuote(line: string, begin: number): number {
  const quote = line[begin];
  for (let at = begin + 1; at < line.length; at += 1) {
    if (line[at] === quote) return at;
    if (quote === '"' && line[at] === '\\') at += 1;
  }
  return -1;
}
