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

/**
 * Prints one candidate a line for a completion script, or `=files` for names of files. `args` are the name of the shell and the
 * words typed so far.
 */
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
    // Leaves out ids that break a line or that the script would read as an instruction.
    .filter(({ value }) => value === oneLine(value) && !value.startsWith('='))
    .map(({ value, about }) => {
      if (shell === 'bash') return cutForBash(value, typed, wordBreaks).replaceAll(/[^\w@%+=:,./-]/g, '\\$&');
      return about === '' ? value : `${value}\t${oneLine(about)}`;
    });
  return [...lines, ...(files ? ['=files'] : [])];
}
