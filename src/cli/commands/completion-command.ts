import { readFile } from 'node:fs/promises';
import { Argument, type Command } from 'commander';
import { shells, type Shell } from '../completion/answer-completion.ts';
import type { CliContext } from '../context.ts';
import { describe } from '../manual.ts';
import type { Act } from './act.ts';

export function addCompletion(program: Command, act: Act): void {
  const completion = program
    .command('completion')
    .addArgument(new Argument('<shell>', 'the shell').choices(shells))
    .action(act(printScript));
  describe(completion, {
    group: 'This program:',
    summary: 'print a script for the Tab key: bash, zsh, fish',
    about: `Prints a script that makes the shell complete commands, options and their values, files, presets, and, if the server answers within three seconds, ids of runs and names of their steps. Without an answer it offers none.

To install it for good, put it where the shell looks: for bash into ~/.local/share/bash-completion/completions/chandler (where the package bash-completion is there) or source it from ~/.bashrc; for zsh as _chandler into a directory of $fpath, before compinit; for fish into ~/.config/fish/completions/chandler.fish.`,
    examples: {
      'source <(chandler completion bash)': 'In this shell; in ~/.bashrc, for every shell.',
      'chandler completion zsh > ~/.zfunc/_chandler':
        'For zsh, with fpath+=~/.zfunc before compinit in ~/.zshrc.',
      'chandler completion fish > ~/.config/fish/completions/chandler.fish': 'For fish.',
    },
    seeAlso: ['help COMMAND'],
  });
}

async function printScript({ stdout }: CliContext, shell: Shell): Promise<number> {
  stdout.write(await readFile(new URL(`../completion/chandler.${shell}`, import.meta.url), 'utf8'));
  return 0;
}
