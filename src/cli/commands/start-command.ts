import type { Command } from 'commander';
import { definedOnly } from '../../domain/defined-only.ts';
import { announceOn, print, type CliContext } from '../context.ts';
import { copyable, type ServerOptions } from '../server/server-options.ts';
import type { PlanOptions } from '../input/plan-file.ts';
import { runUrl } from '../server/locate-server.ts';
import { withClient } from '../server/with-client.ts';
import { jsonLine } from '../output/print-json.ts';
import { withRunOptions, type RunOptions } from '../input/run-options.ts';
import type { SshConfigOptions } from '../hosts/ssh-config-option.ts';
import { hasHosts, withPlanOptions, type HostsOptions } from '../hosts/hosts-options.ts';
import { type Act, describeServerCommand, PLAN_ARGUMENT } from './act.ts';

interface StartOptions extends ServerOptions, PlanOptions, RunOptions, HostsOptions, SshConfigOptions {
  readonly id?: string;
  readonly json?: boolean;
}

export function addStart(program: Command, act: Act): void {
  const start = program
    .command('start')
    .argument('<plan>', PLAN_ARGUMENT)
    .option('--id <id>', 'the id of the run (default: provision:HOST:PORT)')
    .option('--json', 'print the id, the run id and the page in the UI as one JSON object')
    .action(act(runStart));
  describeServerCommand(withRunOptions(withPlanOptions(start)), {
    group: 'Provision:',
    summary: 'start provisioning a host, without following',
    about:
      'Checks the plan and starts its run, as `up` does, then ends at once. Standard output has the id of the run, or with --json an object, and nothing else; how to follow it is on standard error. With --hosts a run is started on every host of an inventory, and each has a line.',
    examples: {
      'chandler start web.yaml --target root@10.0.0.7': 'Provision a host in the background.',
      'chandler start web.yaml --hosts hosts.yaml': 'All hosts of an inventory.',
      'cat web.yaml | chandler start -': 'A plan that another program makes.',
    },
    exits: {
      provisioned: 'the run was started',
      failed: 'it was not started, because another run is at work on the host',
    },
    seeAlso: ['up', 'hosts', 'watch', 'status', 'logs'],
  });
}

async function runStart(context: CliContext, file: string, options: StartOptions): Promise<number> {
  if (hasHosts(options, { plan: file, alone: { '--id': options.id !== undefined } }))
    return (await import('../hosts/up-hosts.ts')).startHosts(context, file, options);
  const { loadReachedPlan } = await import('../hosts/reach-targets.ts');
  const plan = await loadReachedPlan(file, options, context);
  return withClient(options, context, async (client, server) => {
    const { workflowId, runId } = await client.start(plan, definedOnly({ workflowId: options.id }));
    const url = runUrl(server, workflowId);
    // The first line is the id alone, for scripts.
    if (options.json) context.stdout.write(jsonLine(definedOnly({ id: workflowId, runId, url })));
    else print(context, workflowId);
    const announce = announceOn(context);
    if (url !== undefined && !options.json) announce(`UI      ${url}`);
    announce(`Follow  ${copyable(context, options, 'watch', workflowId)}`);
    return 0;
  });
}
