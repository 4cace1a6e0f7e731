export type Style = 'bold' | 'dim' | 'green' | 'yellow' | 'red' | 'cyan';
/** Colours a text, or leaves it alone. */
export type Paint = (style: Style, text: string) => string;

/** SGR codes (ECMA-48). */
const CODES: Readonly<Record<Style, readonly [number, number]>> = {
  bold: [1, 22],
  dim: [2, 22],
  green: [32, 39],
  yellow: [33, 39],
  red: [31, 39],
  cyan: [36, 39],
};

export const plain: Paint = (_style, text) => text;

export const colored: Paint = (style, text) => {
  const [on, off] = CODES[style];
  return text.trim() === '' ? text : `\u001b[${on}m${text}\u001b[${off}m`;
};
