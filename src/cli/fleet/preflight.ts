import pMap from 'p-map';
import type { ChandlerClient } from '../../client.ts';
import { definedOnly } from '../../domain/defined-only.ts';
import { listHosts } from '../../domain/fleet/fleet-hosts.ts';
import type { FleetInput } from '../../domain/fleet/schema.ts';
import { orderHosts, splitWaves } from '../../domain/fleet/waves.ts';
import type { Plan } from '../../domain/plan/schema.ts';
import { count } from '../../domain/text/count.ts';
import { oneLine } from '../../domain/text/plain-text.ts';
import { ChandlerError, reasonOf } from '../../domain/run/failure.ts';
import { announceOn, print, type CliContext } from '../context.ts';
import type { HostPlan } from '../hosts/host-plans.ts';
import { renderColumns } from '../output/render-columns.ts';

/** Of a large first wave only so many hosts are inspected. */
const MAX_HOSTS = 100;
const AT_ONCE = 10;

interface HostProblem {
  readonly host: string;
  readonly problem: string;
  readonly advice: string;
}

/**
 * Inspects the hosts of the first wave before anything changes: whether each can be reached and is free, and whether the worker has
 * the keys, secrets and files of the plan. Prints all problems as one table. Returns whether there are none.
 */
export async function passesPreflight(
  context: CliContext,
  client: ChandlerClient,
  input: FleetInput,
  plans: readonly HostPlan[],
): Promise<boolean> {
  const announce = announceOn(context);
  const wave = firstWave(input);
  const chosen = wave.slice(0, MAX_HOSTS).flatMap((index) => plans[index] ?? []);
  const part = wave.length > chosen.length ? `${chosen.length} of ` : '';
  announce(`Inspecting ${part}${count(wave.length, 'host')} of the first wave`);
  const found = await pMap(chosen, (host) => inspectHost(client, host), {
    concurrency: AT_ONCE,
    signal: context.signal,
  });
  const problems = found.flat();
  if (problems.length === 0) return true;
  const rows = problems.map(({ host, problem, advice }) => [host, problem, advice].map(oneLine));
  print(context, ...renderColumns(['HOST', 'PROBLEM', 'WHAT TO DO'], rows));
  announce(
    `${count(problems.length, 'problem')}; nothing was changed. --no-preflight starts the fleet all the same`,
  );
  return false;
}

function firstWave(input: FleetInput): readonly number[] {
  const hosts = listHosts(input);
  const [wave = []] = splitWaves(hosts, orderHosts(hosts, input.order, input.seed ?? 0), input.waves);
  return wave;
}

async function inspectHost(client: ChandlerClient, { name, plan }: HostPlan): Promise<HostProblem[]> {
  const problem = (text: string, advice: string): HostProblem => ({ host: name, problem: text, advice });
  try {
    const { worker, host } = await client.inspect({ plan: withoutChecks(plan) });
    const lacks = worker.lacks.map(({ failure }) => problem(failure.message, failure.advice));
    if (!host) return lacks;
    if ('failure' in host) {
      const isKnown = worker.lacks.some(({ failure }) => failure.message === host.failure.message);
      return isKnown ? lacks : [...lacks, problem(host.failure.message, host.failure.advice)];
    }
    const { holder, missing } = host;
    const held =
      holder?.atWork === true
        ? [
            problem(
              holder.kind === 'run' ? `run ${holder.workflowId} is at work` : 'it provisions itself',
              'Wait until it is over, or abort it.',
            ),
          ]
        : [];
    const tools =
      missing.tools.length > 0
        ? [problem(`it has no ${missing.tools.join(', ')}`, `Install ${missing.packages.join(' ')}.`)]
        : [];
    return [...lacks, ...held, ...tools];
  } catch (error) {
    if (error instanceof ChandlerError && error.code === 'no-worker') throw error;
    return [problem(reasonOf(error), error instanceof ChandlerError ? error.advice : '')];
  }
}

/** Checks are a part of the rollout: they may take long, and say nothing about whether it can begin. */
function withoutChecks(plan: Plan): Plan {
  return { ...plan, steps: plan.steps.map((step) => definedOnly({ ...step, check: undefined })) };
}
