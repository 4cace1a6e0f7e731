import type { Command } from 'commander';
import { print, type CliContext } from '../context.ts';
import { copyable, runUrl, withClient, type EngineOptions } from '../engine.ts';
import { loadPlan } from '../plan-file.ts';
import { type Act, withEngineOptions, withTargetOption } from './act.ts';

interface StartOptions extends EngineOptions {
  readonly target?: readonly string[];
  readonly id?: string;
}

export function addStart(program: Command, act: Act): void {
  const start = program
    .command('start')
    .description('start provisioning a host, without following')
    .argument('<plan>', 'YAML or JSON; - is standard input, preset:NAME a ready-made one');
  withEngineOptions(withTargetOption(start))
    .option('--id <id>', 'the id of the run (default: provision:HOST:PORT)')
    .action(act((context, file: string, options: StartOptions) => runStart(context, file, options)));
}

async function runStart(context: CliContext, file: string, options: StartOptions): Promise<number> {
  const plan = await loadPlan(file, options.target ?? [], context);
  return withClient(options, context, async (client, engine) => {
    const { workflowId } = await client.start(
      plan,
      options.id === undefined ? {} : { workflowId: options.id },
    );
    // The id alone on the first line, for scripts.
    print(context, workflowId);
    const url = runUrl(engine, workflowId);
    const follow = copyable(context, options, 'status', workflowId, '--watch');
    context.stderr.write(`${url === undefined ? '' : `UI      ${url}\n`}Follow  ${follow}\n`);
    return 0;
  });
}
