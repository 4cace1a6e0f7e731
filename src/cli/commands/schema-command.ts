import { readFile } from 'node:fs/promises';
import { Argument, type Command } from 'commander';
import { describe } from '../manual.ts';
import type { Act } from './act.ts';

export function addSchema(program: Command, act: Act): void {
  const schema = program
    .command('schema')
    .addArgument(
      new Argument('[of]', 'what it describes').choices(['plan', 'fleet', 'output']).default('plan'),
    )
    .action(
      act(async ({ stdout }, of: 'plan' | 'fleet' | 'output') => {
        stdout.write(await readFile(new URL(`../../../schema/${of}.schema.json`, import.meta.url), 'utf8'));
        return 0;
      }),
    );
  describe(schema, {
    group: 'Plans:',
    summary: 'print the JSON Schema of plans, fleets, or --json output',
    about:
      'Prints a JSON Schema (draft 2020-12): of plans, for editors; of fleets, for programs that start them; or of what commands print with --json, each by its name under $defs.',
    examples: {
      'chandler schema > plan.schema.json':
        'Then, as the first line of a plan: # yaml-language-server: $schema=plan.schema.json',
      'chandler schema output': 'What a script may rely on.',
    },
    seeAlso: ['validate'],
  });
}
