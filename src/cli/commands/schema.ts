import type { Command } from 'commander';
import { print } from '../context.ts';
import { renderPlanSchema } from '../plan-schema.ts';
import type { Act } from './act.ts';

export function addSchema(program: Command, act: Act): void {
  program
    .command('schema')
    .description('print the JSON Schema of plans, for editors')
    .action(
      act(async (context) => {
        print(context, renderPlanSchema());
        return 0;
      }),
    );
}
