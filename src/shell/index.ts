export { and, raw, render, renderMasked, secret, sh, withEnv } from './command.ts';
export type { Command, Raw, Secret, Word } from './command.ts';
export { quote } from './quote.ts';
