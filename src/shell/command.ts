import { quote } from './quote.ts';

/** One word of a command: literal text (quoted), a secret (quoted, masked when shown) or raw shell text. */
export type Word = string | Secret | Raw;

/** A value that is sent but never shown. */
export interface Secret {
  readonly kind: 'secret';
  readonly value: string;
}

/** Shell text that is not quoted. Use it for constants only. */
export interface Raw {
  readonly kind: 'raw';
  readonly text: string;
}

/** A shell command line as a value: rendered once, with secrets for the host, masked for people. */
export interface Command {
  readonly words: readonly Word[];
}

const MASK = '***';

/** Creates a command from words. The remote shell reads every plain string literally. */
export function sh(...words: Word[]): Command {
  return { words };
}

/** Marks a word that must not appear in logs. */
export function secret(value: string): Secret {
  return { kind: 'secret', value };
}

/** Marks shell text that is not quoted. */
export function raw(text: string): Raw {
  return { kind: 'raw', text };
}

/** The text that goes to the host. */
export function render(command: Command): string {
  return command.words.map((word) => renderWord(word, (value) => quote(value))).join(' ');
}

/** The text for logs and messages: as sent, with each secret replaced by `***`. */
export function renderMasked(command: Command): string {
  return command.words.map((word) => renderWord(word, () => MASK)).join(' ');
}

function renderWord(word: Word, showSecret: (value: string) => string): string {
  if (typeof word === 'string') return quote(word);
  return word.kind === 'raw' ? word.text : showSecret(word.value);
}
