import { definedOnly } from '../../domain/defined-only.ts';
import { reasonOf } from '../../domain/run/failure.ts';
import { oneLine } from '../../domain/text/plain-text.ts';
import { announceOn, type CliContext } from '../context.ts';
import type { PlanOptions } from '../input/plan-file.ts';
import type { RunOptions } from '../input/run-options.ts';
import { followRun, type FollowOptions } from '../live/follow-run.ts';
import type { RunDisplay } from '../live/run-displays.ts';
import { listChanges, renderChange } from '../output/changes.ts';
import { readReported, writeReports, type ReportedRun, type ReportOptions } from '../output/run-reports.ts';
import { runUrl } from '../server/locate-server.ts';
import { copyable, type ServerOptions } from '../server/server-options.ts';
import { reconnecting, withClient } from '../server/with-client.ts';
import type { RunStatus } from '../../domain/run/status.ts';
import { loadHostPlans } from './host-plans.ts';
import type { HostsOptions } from './hosts-options.ts';
import type { HostsChoice } from './read-hosts.ts';
import type { SshConfigOptions } from './ssh-config-option.ts';
import { runOnHosts } from './run-on-hosts.ts';

type Options = ServerOptions & SshConfigOptions & PlanOptions & RunOptions & HostsOptions & HostsChoice;

/** Provisions the hosts of an inventory, and follows every run until it is over or parked. */
export async function upHosts(
  context: CliContext,
  file: string,
  options: Options & FollowOptions & ReportOptions,
): Promise<number> {
  const plans = await loadHostPlans(file, options, context);
  const { wait = false } = options;
  const command = (...words: readonly string[]) => copyable(context, options, ...words);
  return withClient(options, context, async (client) => {
    const reported = new Map<string, ReportedRun>(
      plans.map(({ name }) => [name, { name, message: 'not started: interrupted' }]),
    );
    const exitCode = await runOnHosts(context, options, plans, async ({ name, plan }) => {
      try {
        const { workflowId } = await client.start(plan);
        const { display, ended } = createHostDisplay(context, name);
        const source = { client, workflowId, connect: reconnecting(options, context, workflowId) };
        const exitCode = await followRun(context, source, { wait }, command, display);
        if (options.report) reported.set(name, await readReported(client, name, workflowId));
        return { exitCode, id: workflowId, message: ended() };
      } catch (error) {
        reported.set(name, { name, message: reasonOf(error) });
        throw error;
      }
    });
    await writeReports(options, [...reported.values()]);
    return exitCode;
  });
}

/** Starts runs on the hosts of an inventory, and follows none. */
export async function startHosts(
  context: CliContext,
  file: string,
  options: Options & { readonly json?: boolean },
): Promise<number> {
  const plans = await loadHostPlans(file, options, context);
  return withClient(options, context, (client, server) =>
    runOnHosts(context, options, plans, async ({ plan }) => {
      const { workflowId: id } = await client.start(plan);
      const url = runUrl(server, id);
      return definedOnly({ exitCode: 0 as const, id, message: url === undefined ? id : `${id}  ${url}` });
    }),
  );
}

/** Prints the changes of a run on standard error. The last message is kept for the line of the host. */
function createHostDisplay(
  context: CliContext,
  name: string,
): { readonly display: RunDisplay; readonly ended: () => string } {
  const announce = (line: string) => announceOn(context)(`${oneLine(name)}  ${line}`);
  let before: RunStatus | undefined;
  let last: readonly string[] = [];
  const flush = () => {
    last.filter((line) => line !== '').forEach(announce);
    last = [];
  };
  return {
    display: {
      show(status) {
        flush();
        for (const change of listChanges(before, status, context.now())) announce(renderChange(change));
        before = status;
      },
      say(...lines) {
        flush();
        last = lines;
      },
      close() {},
    },
    ended() {
      const [first = '', ...rest] = last;
      last = rest;
      flush();
      return first.replace(/:$/, '');
    },
  };
}
