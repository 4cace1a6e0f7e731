/** In characters. Shorter secrets and lines are not masked, because masking them would hide half of every log. */
export const MIN_MASKED_LENGTH = 4;

/** A form with fewer letters and digits is matched including its punctuation; without, it would match anywhere. */
const MIN_LOOSE_LENGTH = 6;

/**
 * Longer forms are matched in pieces, so that little output is held back. `length`: letters and digits of a piece; `least`: of
 * the last piece; `characters`: the maximum length of a piece.
 */
const PIECE = { length: 48, least: 16, characters: 96 } as const;

/** The number of characters of a form that index it in {@link SecretForm} maps. No form is shorter. */
export const HEAD_LENGTH = 4;

/**
 * One way in which a program may print a secret. All texts are bytes, as latin1. A loose form is searched in a text reduced to
 * letters, digits and bytes above 127, so quotes, escapes, colours, blanks and line ends inside it do not matter.
 */
export interface SecretForm {
  readonly loose: boolean;
  /** The characters of the form in order, each with its possible spellings. */
  readonly units: readonly (readonly string[])[];
  /** The secret's punctuation before and after a loose form. */
  readonly lead: string;
  readonly trail: string;
}

/** A character of a secret: its bytes, and their possible spellings. */
interface Unit {
  readonly raw: string;
  readonly spellings: readonly string[];
}

/**
 * Every form in which secrets are masked, on the host and on the worker:
 *
 * - each secret, and each of its lines: as it is, and quoted or escaped for a shell, JSON, a URL, HTML or C;
 * - each secret: in base64 (standard and for URLs) at each of its three alignments, in hexadecimal and in octal digits, and
 *   with each of its characters escaped.
 */
export function secretForms(values: readonly string[]): SecretForm[] {
  const secrets = values.map((value) => value.trim()).filter(isLongEnough);
  const lines = secrets.flatMap((secret) => secret.split(/\r?\n/).map((line) => line.trim()));
  const forms = [
    ...[...secrets, ...lines.filter(isLongEnough)].flatMap(textForms),
    ...secrets.flatMap(encodedForms),
  ];
  return [...new Map(forms.map((form) => [JSON.stringify(form), form])).values()];
}

/** The bytes of a text, one per character. */
export function bytesOf(text: string): string {
  return Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join('');
}

/** The first {@link HEAD_LENGTH} characters of a form, in every spelling. */
export function headsOf({ units }: SecretForm): string[] {
  let heads = [''];
  for (const spellings of units) {
    if (heads.every((head) => head.length >= HEAD_LENGTH)) break;
    heads = heads.flatMap((head) =>
      head.length >= HEAD_LENGTH ? [head] : spellings.map((spelling) => head + spelling),
    );
  }
  return [...new Set(heads.map((head) => head.slice(0, HEAD_LENGTH)))];
}

function isLongEnough(text: string): boolean {
  return [...text].length >= MIN_MASKED_LENGTH;
}

function textForms(text: string): SecretForm[] {
  const characters = [...text];
  const loose = looseForms(
    characters.map((character) => ({ raw: bytesOf(character), spellings: looseSpellings(character) })),
  );
  if (loose.length > 0) return loose;
  const units = characters.filter((character) => !isControl(character)).map(strictSpellings);
  return leastLength(units) < HEAD_LENGTH ? [] : [{ loose: false, units, lead: '', trail: '' }];
}

function encodedForms(text: string): SecretForm[] {
  const bytes = bytesOf(text);
  const hex = hexOf(bytes);
  const escaped = Array.from({ length: text.length }, (_, i) => `u${utf16Of(text.charAt(i))}`).join('');
  const octal = [...bytes].map(octalOf).join('');
  return [
    ...[0, 1, 2].map((before) => base64Within(bytes, before)),
    ...bothCases(hex),
    ...bothCases(hex.replaceAll(/../g, 'x$&')),
    ...bothCases(escaped),
    octal,
  ].flatMap((form) => looseForms([...form].map((raw) => ({ raw, spellings: [isLetter(raw) ? raw : ''] }))));
}

/** The pieces of a loose form, or none if it has too few letters and digits. */
function looseForms(units: readonly Unit[]): SecretForm[] {
  if (leastLength(units.map(({ spellings }) => spellings)) < MIN_LOOSE_LENGTH) return [];
  return cut(units).map((piece): SecretForm => {
    const begin = piece.findIndex(isVisible);
    const end = piece.findLastIndex(isVisible) + 1;
    return {
      loose: true,
      units: joinSingles(piece.slice(begin, end).map(({ spellings }) => spellings)),
      lead: rawOf(piece.slice(0, begin)),
      trail: rawOf(piece.slice(end)),
    };
  });
}

/** In linear time, because a secret may be a file. */
function cut(units: readonly Unit[]): (readonly Unit[])[] {
  const lengths = units.map(({ spellings }) => leastLength([spellings]));
  const pieces: (readonly Unit[])[] = [];
  let left = lengths.reduce((sum, each) => sum + each, 0);
  for (let begin = 0; ;) {
    let [end, length] = [begin, 0];
    while (
      end < units.length &&
      length < PIECE.length &&
      (end - begin < PIECE.characters || length < PIECE.least)
    )
      length += lengths[end++] ?? 0;
    left -= length;
    pieces.push(units.slice(begin, left < PIECE.least ? undefined : end));
    if (left < PIECE.least) return pieces;
    begin = end;
  }
}

function rawOf(units: readonly Unit[]): string {
  return units.map(({ raw }) => raw).join('');
}

/** Whether a character is always part of a reduced text. */
function isVisible({ spellings }: Unit): boolean {
  return !spellings.includes('');
}

function leastLength(units: readonly (readonly string[])[]): number {
  return units.reduce((sum, spellings) => sum + Math.min(...spellings.map(({ length }) => length)), 0);
}

/** Joins adjacent characters that have only one spelling. */
function joinSingles(units: readonly (readonly string[])[]): string[][] {
  const joined: string[][] = [];
  for (const spellings of units) {
    const last = joined.at(-1);
    if (last?.length === 1 && spellings.length === 1) last[0] = `${last[0]}${spellings[0]}`;
    else joined.push([...spellings]);
  }
  return joined;
}

const LETTER_ESCAPES: Readonly<Record<string, readonly string[]>> = {
  '\n': ['n'],
  '\t': ['t'],
  '\r': ['r'],
  '\f': ['f'],
  '\v': ['v'],
  '\b': ['b'],
  '\u0007': ['a'],
  '\u001b': ['e', 'E'],
  '&': ['amp'],
  '<': ['lt'],
  '>': ['gt'],
  '"': ['quot'],
  "'": ['apos'],
};

/** The spellings of a character in a reduced text. */
function looseSpellings(character: string): string[] {
  if (isLetter(character)) return [character];
  const bytes = bytesOf(character);
  const hex = hexOf(bytes);
  const code = character.codePointAt(0) ?? 0;
  const escapes = [
    ...bothCases(hex),
    ...bothCases(hex.replaceAll(/../g, 'x$&')),
    ...bothCases(
      Array.from({ length: character.length }, (_, i) => `u${utf16Of(character.charAt(i))}`).join(''),
    ),
    [...bytes].map(octalOf).join(''),
    String(code),
  ];
  if (code < 128) return [...new Set(['', ...(LETTER_ESCAPES[character] ?? []), ...escapes])];
  const digits = code.toString(16);
  return [
    ...new Set([
      bytes,
      metaOf(bytes),
      ...escapes,
      ...['', 'x', 'u', 'U000'].flatMap((mark) => bothCases(mark + digits)),
    ]),
  ];
}

/** The spellings of a character in a text that keeps punctuation. */
function strictSpellings(character: string): string[] {
  const bytes = bytesOf(character);
  if (isLetter(character)) return [bytes];
  const hex = hexOf(bytes);
  return [
    bytes,
    ...(character === "'" ? [`'\\''`, `'"'"'`] : []),
    ...(character === ' ' ? ['+'] : []),
    ...(character.length === bytes.length ? [`\\${character}`] : []),
    ...[hex, hex.toUpperCase()].map((digits) => digits.replaceAll(/../g, '%$&')),
    ...[hex, hex.toUpperCase()].map((digits) => digits.replaceAll(/../g, '\\x$&')),
    ...bothCases(`\\u${utf16Of(character)}`),
  ];
}

/** Base64 of bytes that follow `before` other bytes, without the characters that depend on adjacent bytes. */
function base64Within(bytes: string, before: number): string {
  const whole = btoa('\0'.repeat(before) + bytes);
  const end = Math.floor(((before + bytes.length) * 8) / 6);
  return whole.slice(Math.ceil((before * 8) / 6), end);
}

/** Hexadecimal digits in both cases; other letters are unchanged. */
function bothCases(text: string): string[] {
  return [...new Set([text, text.replaceAll(/[a-f]/g, (digit) => digit.toUpperCase())])];
}

function isLetter(character: string): boolean {
  return /^[0-9A-Za-z]$/.test(character);
}

function isControl(character: string): boolean {
  return character < ' ' || character === '\u007f';
}

function hexOf(bytes: string): string {
  return [...bytes].map((byte) => byte.charCodeAt(0).toString(16).padStart(2, '0')).join('');
}

/** The notation of zsh and `cat -v` for bytes above 127: `\M-C\M-)`. */
function metaOf(bytes: string): string {
  const shown = [...bytes].map((byte) => {
    const code = byte.charCodeAt(0) % 128;
    return String.fromCharCode(code < 32 ? code + 64 : code);
  });
  return shown.map((character) => `M${isLetter(character) ? character : ''}`).join('');
}

function octalOf(byte: string): string {
  return byte.charCodeAt(0).toString(8).padStart(3, '0');
}

function utf16Of(unit: string): string {
  return unit.charCodeAt(0).toString(16).padStart(4, '0');
}
