import pMap from 'p-map';
import type { Hop } from '../../domain/hosts/jump-hosts.ts';
import { withSshHost } from '../../domain/hosts/ssh-settings.ts';
import { targetSchema, type Plan, type Target } from '../../domain/plan/schema.ts';
import { limits } from '../../domain/plan/limits.ts';
import { problemsWith } from '../../domain/plan/validate.ts';
import { formatProblems } from '../../domain/plan/problems.ts';
import { addressOf } from '../../domain/run/ids.ts';
import { nameSome } from '../../domain/text/name-some.ts';
import { oneLine } from '../../domain/text/plain-text.ts';
import { announceOn, warn, type CliContext } from '../context.ts';
import { usageError } from '../errors.ts';
import { loadPlan, type PlanOptions } from '../input/plan-file.ts';
import type { RunOptions } from '../input/run-options.ts';
import { createAskSsh, type AskSsh } from './ask-ssh.ts';
import type { SshConfigOptions } from './ssh-config-option.ts';

type JumpHost = NonNullable<Target['jump']>[number];

const AT_ONCE = 8;

/** Resolves the targets of plans as {@link reachTargets} does. */
export async function reachPlans<T extends { readonly plan: Plan }>(
  items: readonly T[],
  options: SshConfigOptions,
  context: CliContext,
): Promise<T[]> {
  const targets = await reachTargets(
    items.map(({ plan }) => plan.target),
    options,
    context,
  );
  return items.map((item, i) => ({ ...item, plan: { ...item.plan, target: targets[i]! } }));
}

/** Reads a plan, and resolves its target as {@link reachTargets} does. @throws CliError usage with one problem a line */
export async function loadReachedPlan(
  file: string,
  options: PlanOptions & RunOptions & SshConfigOptions,
  context: CliContext,
): Promise<Plan> {
  const plan = await loadPlan(file, options, context);
  const [reached] = await reachPlans([{ plan }], options, context);
  return reached?.plan ?? plan;
}

/**
 * Resolves targets by the ssh_config of this machine, as ssh does: aliases, ports, users, names of keys, and jump hosts.
 * Settings of the target itself win. Prints what changed for a single target, and what a worker cannot use.
 *
 * @throws CliError usage for a configuration that ssh refuses, or that leads to no valid target
 */
export async function reachTargets(
  targets: readonly Target[],
  { sshConfig }: SshConfigOptions,
  context: CliContext,
): Promise<Target[]> {
  if (sshConfig === false || targets.length === 0) return [...targets];
  const ask = await createAskSsh(context, typeof sshConfig === 'string' ? sshConfig : undefined);
  if (!ask) return [...targets];
  const unused = new Map<string, Set<string>>();
  const note = (host: string, settings: readonly string[]) => {
    for (const each of settings) unused.set(each, (unused.get(each) ?? new Set()).add(host));
  };
  const reached = await pMap(targets, (target) => reachTarget(target, ask, note), { concurrency: AT_ONCE });
  const [before] = targets;
  const [after] = reached;
  if (before && after && targets.length === 1 && JSON.stringify(before) !== JSON.stringify(after))
    announceOn(context)(`ssh_config: ${oneLine(before.host)} is ${describeTarget(after)}`);
  for (const [setting, hosts] of unused)
    warn(context, `ssh_config: not used for ${nameSome([...hosts])}: ${oneLine(setting)}`);
  return reached;
}

type Note = (host: string, unused: readonly string[]) => void;

async function reachTarget(target: Target, ask: AskSsh, note: Note): Promise<Target> {
  const found = await ask(target);
  note(target.host, target.identity === undefined ? found.unused : found.unused.filter(isNoKey));
  const hops = await reachHops(target.jump ?? found.jump ?? [], ask, note, [target.host]);
  const reached = withSshHost({ ...target, ...(hops.length > 0 && { jump: hops }) }, found);
  const { problems } = problemsWith(targetSchema, reached);
  if (!problems) return reached;
  const text = formatProblems(problems.map(({ path, message }) => ({ path: `target.${path}`, message })));
  throw usageError(`ssh_config of ${oneLine(target.host)}: ${oneLine(text)}; --no-ssh-config ignores it`);
}

/** Only the first jump host may have jump hosts of its own: ssh reaches the others through it, and ignores theirs. */
async function reachHops(
  hops: readonly (Hop | JumpHost)[],
  ask: AskSsh,
  note: Note,
  way: readonly string[],
): Promise<JumpHost[]> {
  const reached: JumpHost[] = [];
  for (const [i, hop] of hops.entries()) {
    const found = await ask(hop);
    note(hop.host, found.unused);
    if (i === 0 && found.jump) {
      const deeper = [...way, hop.host];
      if (way.includes(hop.host) || deeper.length > limits.jumpHosts)
        throw usageError(`ssh_config: ProxyJump leads in a circle: ${deeper.map(oneLine).join(' → ')}`);
      reached.push(...(await reachHops(found.jump, ask, note, deeper)));
    }
    reached.push(withSshHost(hop, found));
  }
  return reached;
}

function isNoKey(setting: string): boolean {
  return !setting.startsWith('IdentityFile ');
}

/** `me@10.0.0.7:22 with the key id_web, through gate` */
function describeTarget(target: Target): string {
  const { identity, jump = [] } = target;
  const key = identity === undefined ? '' : ` with the key ${identity}`;
  const through = jump.length === 0 ? '' : `, through ${jump.map(addressOf).join(', ')}`;
  return oneLine(`${addressOf(target)}${key}${through}`);
}
