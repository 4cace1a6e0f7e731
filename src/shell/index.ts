export { raw, render, renderMasked, secret, sh } from './command.ts';
export type { Command, Word } from './command.ts';
export { onOneLine } from './program.ts';
export { quote, quoteOperand } from './quote.ts';
