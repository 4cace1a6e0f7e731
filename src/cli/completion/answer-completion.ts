import type { Command } from 'commander';
import { oneLine } from '../../domain/text/plain-text.ts';
import { print, type CliContext } from '../context.ts';
import { cutForBash, splitLine } from './bash-line.ts';
import { complete, type Completion } from './complete.ts';
import { createSources } from './completion-sources.ts';

/** The hidden command that the completion scripts call. */
export const COMPLETE = '__complete';

export const shells = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof shells)[number];

/** Answers a script: a candidate a line, or `=files` for the names of files. `args` are a shell and what is typed. */
export async function answerCompletion(
  program: Command,
  [shell, ...args]: readonly string[],
  context: CliContext,
): Promise<void> {
  const [line = '', wordBreaks = ''] = args;
  const words = shell === 'bash' ? splitLine(line).slice(1) : args;
  const found = await complete(program, words, createSources(context));
  print(context, ...renderCompletion(found, shell, words.at(-1) ?? '', wordBreaks));
}

export function renderCompletion(
  { candidates, files }: Completion,
  shell: string | undefined,
  typed: string,
  wordBreaks: string,
): string[] {
  const lines = candidates
    // Such an id is no word that could be put on a line, or would be taken for an instruction.
    .filter(({ value }) => value === oneLine(value) && !value.startsWith('='))
    .map(({ value, about }) => {
      if (shell === 'bash') return cutForBash(value, typed, wordBreaks).replaceAll(/[^\w@%+=:,./-]/g, '\\$&');
      return about === '' ? value : `${value}\t${oneLine(about)}`;
    });
  return [...lines, ...(files ? ['=files'] : [])];
}
