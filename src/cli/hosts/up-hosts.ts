import { definedOnly } from '../../domain/defined-only.ts';
import { oneLine } from '../../domain/text/plain-text.ts';
import type { ChandlerClient } from '../../client.ts';
import { fleetWorkflowId } from '../../domain/fleet/fleet-id.ts';
import type { FleetHostStatus } from '../../domain/fleet/fleet-status.ts';
import { reasonOf } from '../../domain/run/failure.ts';
import { announceOn, type CliContext } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { followBeginnings, type Beginning } from '../fleet/follow-beginnings.ts';
import { readFleet } from '../fleet/read-fleet.ts';
import type { ToCommand } from '../output/reports.ts';
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
import { loadHostPlans, type HostPlan } from './host-plans.ts';
import { DEFAULT_PARALLEL, type HostsOptions } from './hosts-options.ts';
import type { HostsChoice } from './read-hosts.ts';
import type { SshConfigOptions } from './ssh-config-option.ts';
import { runOnHosts, type Outcome } from './run-on-hosts.ts';

type UpOptions = Options & FollowOptions & ReportOptions & { readonly name?: string };
type Options = ServerOptions & SshConfigOptions & PlanOptions & RunOptions & HostsOptions & HostsChoice;

const LEFT: Outcome = {
  exitCode: exitCodes.interrupted,
  message: 'Stopped following; the fleet starts its run later.',
};

/** Rolls a plan out to the hosts of an inventory as a fleet that no failure stops, and follows the run of each host. */
export async function upHosts(context: CliContext, file: string, options: UpOptions): Promise<number> {
  const { parallel = DEFAULT_PARALLEL, wait = false } = options;
  const rollout = { concurrency: parallel, slowStart: 0, maxFailures: '100%' } as const;
  const { input, plans } = await readFleet(file, { ...options, ...rollout }, context);
  const { name } = input;
  const command = (...words: readonly string[]) => copyable(context, options, ...words);
  return withClient(options, context, async (client) => {
    await client.fleets.start(input);
    const connect = reconnecting(options, context, fleetWorkflowId(name));
    const fleet = followBeginnings(context, { client, connect, name }, { wait, command });
    const reported = new Map<string, ReportedRun>(
      plans.map((host) => [host.name, { name: host.name, message: 'its run has not started yet' }]),
    );
    const report = (run: ReportedRun) => reported.set(run.name, run);
    const follow = (host: HostPlan, place: number) =>
      followHost(context, options, { client, command, report }, host.name, fleet.host(place));
    try {
      const exitCode = await runOnHosts(context, options, plans, follow, LEFT);
      await writeReports(options, [...reported.values()]);
      const end = await fleet.end();
      const announce = announceOn(context);
      if (end === 'interrupted')
        announce(`The fleet ${name} continues. Follow it: ${command('fleet', 'watch', name)}`);
      if (end === 'attention')
        announce(`The fleet ${name} needs attention: ${command('fleet', 'status', name)}`);
      return exitCode;
    } finally {
      fleet.close();
    }
  });
}

interface HostFollowing {
  readonly client: ChandlerClient;
  readonly command: ToCommand;
  readonly report: (run: ReportedRun) => void;
}

async function followHost(
  context: CliContext,
  options: UpOptions,
  { client, command, report }: HostFollowing,
  name: string,
  begun: Promise<Beginning>,
): Promise<Outcome> {
  try {
    const beginning = await begun;
    if (beginning.kind === 'interrupted') return LEFT;
    if (beginning.kind !== 'begun' || isWithoutRun(beginning.host)) {
      const outcome = describeWithoutRun(beginning);
      report({ name, message: outcome.message });
      return outcome;
    }
    const { workflowId } = beginning.host;
    const { display, ended } = createHostDisplay(context, name);
    const run = { client, workflowId, connect: reconnecting(options, context, workflowId) };
    const exitCode = await followRun(context, run, { wait: options.wait ?? false }, command, display);
    if (options.report) report(await readReported(client, name, workflowId));
    return { exitCode, id: workflowId, ...ended() };
  } catch (error) {
    report({ name, message: reasonOf(error) });
    throw error;
  }
}

/** An operator skipped the host, or another run is at work there. */
function isWithoutRun({ runs, failure }: FleetHostStatus): boolean {
  return runs === 0 || failure?.code === 'lease-held';
}

function describeWithoutRun(beginning: Exclude<Beginning, { kind: 'interrupted' }>): Outcome {
  switch (beginning.kind) {
    case 'over':
      return { exitCode: exitCodes.aborted, message: 'not started: the fleet was ended before' };
    case 'stuck':
      return { exitCode: exitCodes.parked, message: `not started: ${beginning.reason}` };
    case 'begun': {
      const { failure } = beginning.host;
      return failure
        ? { exitCode: exitCodes.failed, message: failure.message }
        : { exitCode: exitCodes.provisioned, message: 'skipped' };
    }
  }
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

/** Prints the changes of a run on standard error. The last message is kept for the outcome of the host. */
function createHostDisplay(
  context: CliContext,
  name: string,
): { readonly display: RunDisplay; readonly ended: () => Pick<Outcome, 'message' | 'details'> } {
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
      const [first = '', ...details] = last.filter((line) => line !== '');
      return { message: first.replace(/:$/, ''), details };
    },
  };
}
