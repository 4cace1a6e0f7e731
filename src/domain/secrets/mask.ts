/* oxlint-disable no-control-regex -- matches escape sequences */
import {
  bytesOf,
  HEAD_LENGTH,
  headsOf,
  MIN_MASKED_LENGTH,
  secretForms,
  type SecretForm,
} from './secret-forms.ts';

const MASK = '***';

/** A shorter part of an encoded secret may be something else. In bytes. */
const MIN_ENCODED_PART = 8;

/** Finds secrets in a text of bytes (latin1), including secrets that are cut by its beginning or end. */
export class SecretFinder {
  readonly #kinds: readonly { loose: boolean; heads: Heads; reversed: Heads }[];
  readonly #insides: readonly { loose: boolean; text: string; least: number }[];

  constructor(values: readonly string[]) {
    const forms = secretForms(values);
    this.#kinds = [true, false].map((loose) => {
      const ofKind = forms.filter((form) => form.loose === loose);
      return { loose, heads: byHead(ofKind), reversed: byHead(ofKind.map(reverseForm)) };
    });
    this.#insides = [true, false].flatMap((loose) => [
      ...values.map((value) => ({
        loose,
        text: reduce(bytesOf(value), loose).text,
        least: MIN_MASKED_LENGTH,
      })),
      ...forms
        .filter((form) => form.loose === loose)
        .map(({ units }) => ({
          loose,
          text: units.map(([first]) => first).join(''),
          least: MIN_ENCODED_PART,
        })),
    ]);
  }

  /**
   * Finds the spans of whole secrets, and the index from which the text may be the beginning of a secret, with at least `least`
   * bytes. Without such a beginning, the index is the length of the text.
   */
  find(text: string, least: number): { spans: Span[]; open: number } {
    const spans: Span[] = [];
    const begun: (readonly number[])[] = [];
    for (const { loose, heads } of this.#kinds) {
      if (heads.size === 0) continue;
      const reduced = reduce(text, loose);
      for (const { form, at, end } of matches(reduced.text, heads)) {
        const places = reduced.places.slice(at, end);
        if (end !== undefined) spans.push(withPunctuation(text, places[0]!, places.at(-1)! + 1, form));
        else if (places.length >= least) begun.push(places);
      }
    }
    const isHidden = (place: number) => spans.some(([begin, end]) => begin <= place && place < end);
    const open = Math.min(...begun.map((places) => places.find((place) => !isHidden(place)) ?? text.length));
    return { spans, open: Math.min(open, text.length) };
  }

  /**
   * If the text begins with the tail of a secret, returns the index after that tail; 0 if there is none that is long enough to
   * mask.
   */
  endOfCut(text: string): number {
    return Math.max(
      0,
      ...this.#kinds.map(({ loose, reversed }) => {
        const reduced = reduce(text, loose);
        const { length } = reduced.text;
        const cuts = matches(reverse(reduced.text), reversed).filter(
          ({ at, end }) => end === undefined && length - at >= MIN_MASKED_LENGTH,
        );
        return Math.max(0, ...cuts.map(({ at }) => reduced.places[length - at - 1]! + 1));
      }),
    );
  }

  /** Whether the whole text is part of a secret. */
  isInside(text: string): boolean {
    const reduced = new Map([true, false].map((loose) => [loose, reduce(text, loose).text]));
    return this.#insides.some(({ loose, text, least }) => {
      const part = reduced.get(loose) ?? '';
      return part.length >= least && text.includes(part);
    });
  }
}

const finders = new WeakMap<readonly string[], SecretFinder>();

/** Returns the finder for these secrets, cached by array. */
export function finderOf(values: readonly string[]): SecretFinder {
  const finder = finders.get(values) ?? new SecretFinder(values);
  finders.set(values, finder);
  return finder;
}

/**
 * Replaces every secret in a piece of a longer text with `***`, including a possible tail of a secret at its beginning and a
 * possible head of one at its end.
 */
export function maskPiece(piece: string, values: readonly string[]): string {
  const finder = finderOf(values);
  // A text that was cut between bytes begins with the rest of a character.
  const text = bytesOf(piece.replace(/^\ufffd{1,3}/, ''));
  if (finder.isInside(text)) return MASK;
  const { spans, open } = finder.find(text, MIN_MASKED_LENGTH);
  const masked = maskSpans(text, [...spans, [0, finder.endOfCut(text)], [open, text.length]]);
  return new TextDecoder().decode(Uint8Array.from(masked, (byte) => byte.charCodeAt(0)));
}

/** The second index is exclusive. */
export type Span = readonly [begin: number, end: number];

/** Replaces spans with `***`; overlapping spans become one. Keeps line ends and escape sequences. */
export function maskSpans(text: string, spans: readonly Span[]): string {
  let masked = '';
  let shown = 0;
  for (const [begin, end] of joinSpans(spans)) {
    masked += text.slice(shown, begin);
    masked += text.slice(begin, end).replaceAll(HIDDEN, (part) => (isKept(part) ? part : MASK));
    shown = end;
  }
  return masked + text.slice(shown);
}

function joinSpans(spans: readonly Span[]): Span[] {
  const joined: Span[] = [];
  for (const [begin, end] of spans.toSorted((a, b) => a[0] - b[0])) {
    const last = joined.at(-1);
    if (begin === end) continue;
    if (last && begin < last[1]) joined[joined.length - 1] = [last[0], Math.max(last[1], end)];
    else joined.push([begin, end]);
  }
  return joined;
}

/** Forms, indexed by the first characters of their spellings. */
type Heads = ReadonlyMap<string, readonly SecretForm[]>;

function byHead(forms: readonly SecretForm[]): Heads {
  const heads = new Map<string, SecretForm[]>();
  for (const form of forms) {
    const all = headsOf(form).flatMap((head) => [...head].map((_, i) => head.slice(0, i + 1)));
    for (const head of new Set(all)) heads.set(head, [...(heads.get(head) ?? []), form]);
  }
  return heads;
}

/** The matches of forms in a reduced text. A match that the end of the text cuts has no `end`. */
function matches(text: string, heads: Heads): { form: SecretForm; at: number; end: number | undefined }[] {
  const found: { form: SecretForm; at: number; end: number | undefined }[] = [];
  for (let at = 0; at < text.length; at += 1) {
    for (const form of heads.get(text.slice(at, at + HEAD_LENGTH)) ?? []) {
      const { end, isOpen } = match(text, at, form.units);
      if (end !== undefined || isOpen) found.push({ form, at, end });
    }
  }
  return found;
}

/** The end of the longest match of the units at an index, and whether the text ends inside a match. */
function match(
  text: string,
  at: number,
  units: SecretForm['units'],
): { end: number | undefined; isOpen: boolean } {
  let places = [at];
  let isOpen = false;
  for (const spellings of units) {
    const next = new Set<number>();
    for (const place of places) {
      for (const spelling of spellings) {
        if (text.startsWith(spelling, place)) next.add(place + spelling.length);
        else if (place + spelling.length > text.length && spelling.startsWith(text.slice(place)))
          isOpen = true;
      }
    }
    places = [...next];
    if (places.length === 0) return { end: undefined, isOpen };
  }
  return { end: Math.max(...places), isOpen };
}

function withPunctuation(text: string, begin: number, end: number, { lead, trail }: SecretForm): Span {
  return [
    text.slice(0, begin).endsWith(lead) ? begin - lead.length : begin,
    text.startsWith(trail, end) ? end + trail.length : end,
  ];
}

// CSI and other short escape sequences, also incomplete at the end of the text.
const SEQUENCE = /\u001b(?:\[[0-?]*[ -/]*(?:[@-~]|$)|[ -/][0-~]|[0-Z\\^-~]|$)/.source;
const HIDDEN = new RegExp(`${SEQUENCE}|[\r\n]+|[^\r\n\u001b]+|\u001b`, 'g');
const LOOSE = new RegExp(`${SEQUENCE}|([0-9A-Za-z\u0080-\u00ff]+)`, 'g');
const STRICT = new RegExp(`${SEQUENCE}|([ -~\u0080-\u00ff]+)`, 'g');

function isKept(part: string): boolean {
  return /^[\r\n\u001b]/.test(part);
}

/** Reduces a text to the characters that are compared, and returns the original index of each. */
function reduce(text: string, loose: boolean): { text: string; places: number[] } {
  const places: number[] = [];
  let reduced = '';
  for (const { 1: part, index } of text.matchAll(loose ? LOOSE : STRICT)) {
    if (part === undefined) continue;
    reduced += part;
    for (let i = 0; i < part.length; i += 1) places.push(index + i);
  }
  return { text: reduced, places };
}

function reverse(text: string): string {
  return [...text].toReversed().join('');
}

function reverseForm(form: SecretForm): SecretForm {
  return { ...form, units: form.units.map((spellings) => spellings.map(reverse)).toReversed() };
}
