/** A value of an INI file: text as it is written, without the quotes around it; or nothing; or a list or mapping. */
export type IniValue = string | null | { readonly kind: 'list' | 'mapping' };

const NUMBER = /^[+-]?(\d[\d_]*\.?[\d_]*|\.\d+)(e[+-]?\d+)?$/i;

/**
 * Reads a value as Ansible does, which tries it as a literal of Python and else takes the text. Numbers and booleans stay as they
 * are written, because they become environment variables: `1.10` is not `1.1`.
 */
export function readIniValue(text: string): IniValue {
  const literal = new LiteralReader(text);
  const found = literal.read();
  return found === undefined ? text : found;
}

type Literal = string | null | { readonly kind: 'list' | 'mapping' } | undefined;

/** Each method returns undefined where no literal is. */
class LiteralReader {
  #at = 0;
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  read(): Literal {
    const value = this.#value();
    this.#skip();
    return this.#at === this.#text.length ? value : undefined;
  }

  #value(): Literal {
    this.#skip();
    const char = this.#text[this.#at];
    if (char === '"' || char === "'") return this.#strings();
    if (char === '[' || char === '(') return this.#items(char === '[' ? ']' : ')', false);
    if (char === '{') return this.#items('}', true);
    const [word] = /^[\w.+-]+/.exec(this.#text.slice(this.#at)) ?? [];
    if (word === undefined) return undefined;
    this.#at += word.length;
    if (word === 'None') return null;
    return word === 'True' || word === 'False' || NUMBER.test(word) ? word : undefined;
  }

  /** Adjacent strings are one. */
  #strings(): string | undefined {
    let all = '';
    for (let next = this.#string(); next !== undefined; next = this.#string()) {
      all += next;
      this.#skip();
      if (!/["']/.test(this.#text[this.#at] ?? '')) return all;
    }
    return undefined;
  }

  #string(): string | undefined {
    const [whole, quote = '', body = ''] =
      /^(["'])((?:(?!\1)[^\\\n]|\\[^])*)\1/.exec(this.#text.slice(this.#at)) ?? [];
    if (whole === undefined || quote === '') return undefined;
    this.#at += whole.length;
    return body.replaceAll(
      /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|(\n)|([nrt\\'"abfv0]))/g,
      (_, hex: string | undefined, unicode: string | undefined, joined: string | undefined, char = '') => {
        if (joined !== undefined) return '';
        const code = hex ?? unicode;
        return code === undefined ? (ESCAPES[char as string] ?? '') : String.fromCharCode(parseInt(code, 16));
      },
    );
  }

  #items(close: string, isBrace: boolean): Literal {
    this.#at += 1;
    let isMapping = isBrace;
    for (let count = 0; ; count += 1) {
      this.#skip();
      if (this.#take(close)) return { kind: isMapping ? 'mapping' : 'list' };
      if (count > 0 && !this.#take(',')) return undefined;
      this.#skip();
      if (this.#take(close)) return { kind: isMapping ? 'mapping' : 'list' };
      if (this.#value() === undefined) return undefined;
      this.#skip();
      if (isBrace && this.#take(':')) {
        if (this.#value() === undefined) return undefined;
      } else if (isBrace) isMapping = false;
    }
  }

  #take(char: string): boolean {
    if (this.#text[this.#at] !== char) return false;
    this.#at += 1;
    return true;
  }

  /** White space and comments. */
  #skip(): void {
    const [skipped = ''] = /^(?:\s|#.*)*/.exec(this.#text.slice(this.#at)) ?? [];
    this.#at += skipped.length;
  }
}

const ESCAPES: Readonly<Record<string, string>> = {
  n: '\n',
  r: '\r',
  t: '\t',
  '\\': '\\',
  "'": "'",
  '"': '"',
  a: '\x07',
  b: '\b',
  f: '\f',
  v: '\v',
  '0': '\0',
};
