import { styleText } from 'node:util';

export type Style = 'bold' | 'dim' | 'green' | 'yellow' | 'red' | 'cyan';
/** Colours a text, or leaves it alone. */
export type Paint = (style: Style, text: string) => string;

export const plain: Paint = (_style, text) => text;

/** The caller decides whether its stream gets colours; `styleText` must not look at standard output instead. */
export const colored: Paint = (style, text) =>
  text.trim() === '' ? text : styleText(style, text, { validateStream: false });
