import type { Command } from 'commander';
import { print, type CliContext } from '../context.ts';
import { describe } from '../manual.ts';
import { printJson } from '../output/print-json.ts';
import { readManifest } from '../../config/version.ts';
import type { Act } from './act.ts';

export function addVersion(program: Command, act: Act): void {
  const version = program.command('version').option('--json', 'as JSON').action(act(showVersion));
  describe(version, {
    group: 'This program:',
    summary: 'print the version',
    about: 'Prints the version of this program and of Node.js, for bug reports.',
    examples: {
      'chandler version': 'On one line.',
      'chandler version --json': 'For a script.',
    },
  });
}

function showVersion(context: CliContext, { json }: { readonly json?: boolean }): Promise<number> {
  const about = { version: readManifest().version, node: process.versions.node };
  if (json) printJson(context.stdout, about);
  else print(context, `chandler ${about.version} (Node.js ${about.node})`);
  return Promise.resolve(0);
}
