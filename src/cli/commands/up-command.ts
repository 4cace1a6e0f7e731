import { type Command, Option } from 'commander';
import type { ChandlerClient } from '../../client.ts';
import { definedOnly } from '../../domain/defined-only.ts';
import { announceOn, type CliContext } from '../context.ts';
import { usageError } from '../errors.ts';
import { copyable, type ServerOptions } from '../server/server-options.ts';
import type { PlanOptions } from '../input/plan-file.ts';
import {
  readReported,
  requireReportDirectories,
  withReportOption,
  writeReports,
  type ReportOptions,
} from '../output/run-reports.ts';
import { isEphemeral, withEphemeralOptions, type EphemeralOptions } from '../local/ephemeral-options.ts';
import { runUrl } from '../server/locate-server.ts';
import { reconnecting, withClient } from '../server/with-client.ts';
import { followRun, type FollowOptions } from '../live/follow-run.ts';
import { withRunOptions, type RunOptions } from '../input/run-options.ts';
import type { SshConfigOptions } from '../hosts/ssh-config-option.ts';
import { hasHosts, withPlanOptions, type HostsOptions } from '../hosts/hosts-options.ts';
import { type Act, describeServerCommand, PLAN_ARGUMENT } from './act.ts';

interface UpOptions
  extends
    ServerOptions,
    FollowOptions,
    PlanOptions,
    RunOptions,
    HostsOptions,
    SshConfigOptions,
    ReportOptions,
    EphemeralOptions {
  readonly id?: string;
  readonly name?: string;
}

export function addUp(program: Command, act: Act): void {
  const up = program
    .command('up')
    .argument('<plan>', PLAN_ARGUMENT)
    .option('--id <id>', 'the id of the run (default: provision:HOST:PORT)')
    .option(
      '--name <name>',
      'with --hosts: the name of the fleet (default: the name of the plan, or of its file)',
    )
    .action(act.untilStopped(runUp));
  withEphemeralOptions(withReportOption(up));
  describeServerCommand(withFollowOptions(withRunOptions(withPlanOptions(up))), {
    group: 'Provision:',
    summary: 'provision a host and follow live',
    about: `Checks the plan, starts its run, and shows every step until the run is over. The server and the workers carry out the run: it continues when this command ends, by Ctrl-C or a crash.

A step that fails is parked: its terminal stays open on the host, the command to attach to it is printed, and the run waits for retry, skip or abort. On a terminal this command keeps following; elsewhere it exits with 3.

A second run on the same host is refused while one is at work.

With --ephemeral this command starts a Temporal server and a worker of its own, and ends them afterwards: for a CI job, or a machine without a server. Its worker logs in to sandbox hosts only and reads no secrets, unless --identities and --secrets allow more. A run that is interrupted, or needs attention when the command ends, is aborted, because its server ends.

With --hosts the plan is rolled out to every host of an inventory, as a fleet (\`chandler fleet\`) in one wave, which continues when this command ends. The plan is validated for all of them first. A failure on one host does not stop the others, and the exit code is the worst. Standard output has one line for each host, or with --json one object; what happens until then is on standard error. A host that needs attention counts as done, unless --wait is given.`,
    examples: {
      'chandler up web.yaml': "The plan's own target.",
      'chandler up web.yaml --target root@10.0.0.7:2222 --target identity=id_web': 'Another target.',
      'chandler up preset:docker --target root@10.0.0.7': 'A ready-made plan.',
      'chandler up web.yaml --env-file prod.env --set PORT=8080': 'Other values for its variables.',
      'chandler up web.yaml --hosts hosts.yaml --limit web --parallel 5':
        'The hosts of a group, five at once.',
      'chandler up web.yaml --ephemeral --identities ~/.ssh --report junit=web.xml':
        'In a CI job, without a server.',
      'chandler up web.yaml --no-wait --json':
        'From a script: one JSON object a line, 3 when a step is parked.',
    },
    exits: FOLLOW_EXITS,
    seeAlso: ['start', 'hosts', 'fleet', 'status', 'logs', 'retry', 'validate'],
  });
}

export const FOLLOW_EXITS = {
  provisioned: 'the host is provisioned (the text names what was skipped), or was already',
  failed: 'the run failed',
  parked: 'a step needs attention, and this command no longer follows',
  aborted: 'the run was aborted, cancelled or terminated',
  unreachable: 'no Temporal server answers, or it went away; the run continues once it is back',
  interrupted: 'interrupted by Ctrl-C; the run continues',
} as const;

export function withFollowOptions(
  command: Command,
  { json = 'print one JSON object a line for each change' } = {},
): Command {
  return command
    .option('--json', json)
    .addOption(new Option('--wait', 'keep following when a step is parked (default on a terminal)'))
    .addOption(
      new Option('--no-wait', 'exit with 3 when a step is parked (default without a terminal)').default(
        undefined,
      ),
    );
}

async function runUp(context: CliContext, file: string, options: UpOptions): Promise<number> {
  await requireReportDirectories(options);
  if (!isEphemeral(options)) return upOn(context, file, options);
  const { withEphemeralServer } = await import('../local/ephemeral-server.ts');
  return withEphemeralServer(context, options, (own) => upOn(own, file, options));
}

async function upOn(context: CliContext, file: string, options: UpOptions): Promise<number> {
  if (hasHosts(options, { plan: file, alone: { '--id': options.id !== undefined } }))
    return (await import('../hosts/up-hosts.ts')).upHosts(context, file, options);
  if (options.name !== undefined) throw usageError('--name is for several hosts: give --hosts, too');
  const { loadReachedPlan } = await import('../hosts/reach-targets.ts');
  const plan = await loadReachedPlan(file, options, context);
  return startAndFollow(context, options, 'Run', (client, wanted) => client.start(plan, wanted));
}

export function startAndFollow(
  context: CliContext,
  options: FollowOptions & ServerOptions & ReportOptions & { readonly id?: string },
  verb: 'Run' | 'Watching',
  start: (client: ChandlerClient, wanted: { workflowId?: string }) => Promise<{ workflowId: string }>,
): Promise<number> {
  return withClient(options, context, async (client, server) => {
    const { workflowId } = await start(client, definedOnly({ workflowId: options.id }));
    const url = runUrl(server, workflowId);
    announceOn(context)(`${verb} ${workflowId}${url === undefined ? '' : `  ${url}`}`);
    const source = { client, workflowId, connect: reconnecting(options, context, workflowId) };
    const command = (...words: readonly string[]) => copyable(context, options, ...words);
    const exitCode = await followRun(context, source, options, command);
    if (options.report) await writeReports(options, [await readReported(client, workflowId, workflowId)]);
    return exitCode;
  });
}
