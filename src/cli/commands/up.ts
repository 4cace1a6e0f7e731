import { type Command, Option } from 'commander';
import { announceOn, type CliContext } from '../context.ts';
import { copyable, runUrl, withClient, type EngineOptions } from '../engine.ts';
import { followRun, type FollowOptions } from '../follow.ts';
import { loadPlan } from '../plan-file.ts';
import { type Act, withEngineOptions, withTargetOption } from './act.ts';

interface UpOptions extends EngineOptions, FollowOptions {
  readonly target?: readonly string[];
  readonly id?: string;
}

export function addUp(program: Command, act: Act): void {
  const up = program
    .command('up')
    .description('provision a host and follow live')
    .argument('<plan>', 'YAML or JSON; - is standard input, preset:NAME a ready-made one');
  withFollowOptions(withEngineOptions(withTargetOption(up)))
    .option('--id <id>', 'the id of the run (default: provision:HOST:PORT)')
    .action(act.untilStopped((context, file: string, options: UpOptions) => runUp(context, file, options)));
}

/** Gives a command the options of following. */
export function withFollowOptions(command: Command): Command {
  return command
    .option('--json', 'print one JSON object a line for each change')
    .addOption(new Option('--wait', 'keep following when a step is parked (default on a terminal)'))
    .addOption(new Option('--no-wait', 'exit with 3 then (default without a terminal)').default(undefined));
}

async function runUp(context: CliContext, file: string, options: UpOptions): Promise<number> {
  const plan = await loadPlan(file, options.target ?? [], context);
  return withClient(options, context, async (client, engine) => {
    const { workflowId } = await client.start(
      plan,
      options.id === undefined ? {} : { workflowId: options.id },
    );
    const url = runUrl(engine, workflowId);
    announceOn(context)(`Run ${workflowId}${url === undefined ? '' : `  ${url}`}`);
    return followRun(context, client, workflowId, options, (...words) =>
      copyable(context, options, ...words),
    );
  });
}
