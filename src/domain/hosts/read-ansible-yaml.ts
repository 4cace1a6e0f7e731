import { isRecord } from '../is-record.ts';
import { Inventory } from './inventory.ts';

/** Finds the line of a value in a YAML text. */
export type LineOf = (path: readonly string[]) => number | undefined;

/** Reads an inventory in the YAML format of Ansible: groups by name, each with `hosts`, `vars` and `children`. */
export function readAnsibleYaml(value: Readonly<Record<string, unknown>>, lineOf: LineOf): Inventory {
  const inventory = new Inventory();
  if (typeof value['plugin'] === 'string') {
    const message = `is the configuration of the plugin ${value['plugin']}, which only Ansible can run; give the output of: ansible-inventory --list`;
    inventory.problems.push({ path: 'plugin', message, line: lineOf(['plugin']) });
    return inventory;
  }
  for (const [name, data] of Object.entries(value)) readGroup(inventory, name, data, [name], lineOf);
  return inventory;
}

function readGroup(
  inventory: Inventory,
  name: string,
  data: unknown,
  path: readonly string[],
  lineOf: LineOf,
): void {
  const wrong = (at: readonly string[], message: string) =>
    void inventory.problems.push({ path: at.join('.'), message, line: lineOf(at) });
  if (data !== null && !isRecord(data))
    return wrong(path, 'must be a group: a mapping with hosts, vars or children');
  if (/[\s,]/.test(name) || name === '') return wrong(path, 'is not the name of a group');
  inventory.addGroup(name);
  for (const [key, section] of Object.entries(data ?? {})) {
    const at = [...path, key];
    if (key !== 'hosts' && key !== 'vars' && key !== 'children') {
      inventory.ignored.push({
        name: at.join('.'),
        reason: 'a group has hosts, vars and children',
        line: lineOf(at),
      });
      continue;
    }
    const entries = entriesOf(section);
    if (!entries) wrong(at, 'must be a mapping');
    for (const [name_, value] of entries ?? []) {
      const here = [...at, name_];
      if (key === 'vars') inventory.setOfGroup(name, 'vars', name_, { value, line: lineOf(here) });
      else if (key === 'hosts') readHost(inventory, name, name_, value, here, lineOf);
      else {
        readGroup(inventory, name_, value, here, lineOf);
        inventory.addChild(name, name_, lineOf(here));
      }
    }
  }
}

/** A text stands for a mapping with that key. */
function entriesOf(section: unknown): readonly (readonly [string, unknown])[] | undefined {
  if (section === null) return [];
  if (typeof section === 'string') return [[section, null]];
  return isRecord(section) ? Object.entries(section) : undefined;
}

function readHost(
  inventory: Inventory,
  group: string,
  pattern: string,
  value: unknown,
  path: readonly string[],
  lineOf: LineOf,
): void {
  const line = lineOf(path);
  const wrong = (message: string) => void inventory.problems.push({ path: path.join('.'), message, line });
  const { names, problem } = inventory.addHosts(pattern, group, line, (port) => [
    'vars',
    'ansible_port',
    port,
  ]);
  if (!names) return wrong(problem);
  if (value !== null && !isRecord(value)) return wrong('must be a mapping of variables');
  for (const name of names)
    for (const [key, each] of Object.entries(value ?? {}))
      inventory.setOfHost(name, 'vars', key, { value: each, line: lineOf([...path, key]) });
}
