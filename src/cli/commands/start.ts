import type { Command } from 'commander';
import { announceOn, print, type CliContext } from '../context.ts';
import { ENGINE_ENVIRONMENT } from '../environment.ts';
import { exitTexts } from '../exit-codes.ts';
import { copyable, runUrl, withClient, type EngineOptions } from '../engine.ts';
import { describe } from '../manual.ts';
import { type Act, PLAN_ARGUMENT, withEngineOptions, withTargetOption } from './act.ts';

interface StartOptions extends EngineOptions {
  readonly target?: readonly string[];
  readonly id?: string;
}

export function addStart(program: Command, act: Act): void {
  const start = program
    .command('start')
    .argument('<plan>', PLAN_ARGUMENT)
    .option('--id <id>', 'the id of the run (default: provision:HOST:PORT)')
    .action(act((context, file: string, options: StartOptions) => runStart(context, file, options)));
  withEngineOptions(withTargetOption(start));
  describe(start, {
    group: 'Provision:',
    summary: 'start provisioning a host, without following',
    about:
      'Checks the plan and starts its run, as `up` does, then ends at once. Standard output has the id of the run and nothing else; how to follow it is told on standard error.',
    examples: [
      ['chandler start web.yaml --target root@10.0.0.7', 'Provision a host in the background.'],
      ['for host in web1 web2; do chandler start web.yaml --target host=$host; done', 'Several hosts.'],
      ['cat web.yaml | chandler start -', 'A plan that another program makes.'],
    ],
    exits: {
      provisioned: 'the run was started',
      failed: 'it was not, because one is at work on the host',
      unreachable: exitTexts.unreachable,
    },
    environment: ENGINE_ENVIRONMENT,
    seeAlso: ['up', 'watch', 'status', 'logs'],
  });
}

async function runStart(context: CliContext, file: string, options: StartOptions): Promise<number> {
  const { loadPlan } = await import('../plan-file.ts');
  const plan = await loadPlan(file, options.target ?? [], context);
  return withClient(options, context, async (client, engine) => {
    const { workflowId } = await client.start(
      plan,
      options.id === undefined ? {} : { workflowId: options.id },
    );
    // The id alone on the first line, for scripts.
    print(context, workflowId);
    const url = runUrl(engine, workflowId);
    const follow = copyable(context, options, 'watch', workflowId);
    const announce = announceOn(context);
    if (url !== undefined) announce(`UI      ${url}`);
    announce(`Follow  ${follow}`);
    return 0;
  });
}
