import { styleText } from 'node:util';

export type Style = 'bold' | 'dim' | 'green' | 'yellow' | 'red' | 'cyan';
/** Colours a text, or returns it unchanged. */
export type Paint = (style: Style, text: string) => string;

export const plain: Paint = (_style, text) => text;

/** The caller decides whether its stream gets colours, so `styleText` must not check standard output. */
export const colored: Paint = (style, text) =>
  text.trim() === '' ? text : styleText(style, text, { validateStream: false });
