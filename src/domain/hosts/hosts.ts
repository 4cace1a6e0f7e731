import type { Target } from '../plan/schema.ts';
import { targetSchema } from '../plan/schema.ts';
import { problemsWith } from '../plan/validate.ts';
import { translateVariables } from './ansible-variables.ts';
import type { HostProblem, Ignored, InventoryHost, Setting } from './inventory.ts';

/** A host of an inventory: how it is reached, and its values. */
export interface Host {
  readonly name: string;
  /** From the weakest to the strongest. */
  readonly groups: readonly string[];
  /** Overrides the target of the plan. `host` is the name, unless the inventory has an address. */
  readonly target: Partial<Target> & Pick<Target, 'host'>;
  readonly env: ReadonlyMap<string, Setting>;
  readonly labels: Readonly<Record<string, string>>;
  readonly ignored: readonly Ignored[];
}

/** Translates the settings of an inventory to hosts. Reports every wrong value once. */
export function toHosts(found: readonly InventoryHost[]): { hosts: Host[]; problems: HostProblem[] } {
  const problems = new Map<string, HostProblem>();
  const hosts = found.map((each): Host => {
    const { target: connection, env, ignored } = translateVariables(each.vars);
    const settings = new Map([...connection, ...each.target]);
    const isNamed = !settings.has('host');
    if (isNamed) settings.set('host', { value: each.name, line: each.line });
    const target = Object.fromEntries(
      [...settings].map(([key, { value }]) => [key, value]),
    ) as Host['target'];
    for (const { keys, message } of problemsWith(targetSchema.partial(), target, 'the target').problems ??
      []) {
      const [key = ''] = keys;
      const line = settings.get(key)?.line ?? each.line;
      const path = isNamed && key === 'host' ? each.name : `${each.name}: target.${keys.join('.')}`;
      // A group gives the same wrong value to many hosts.
      const id = JSON.stringify([line ?? path, key, message]);
      if (!problems.has(id)) problems.set(id, { path, message, line });
    }
    return {
      name: each.name,
      groups: each.groups,
      target,
      env: new Map([...env, ...each.env]),
      labels: Object.fromEntries([...each.labels].map(([key, { value }]) => [key, String(value)])),
      ignored: ignored.map((item) => ({ ...item, host: each.name })),
    };
  });
  return { hosts, problems: [...problems.values()] };
}
