import { isRecord, recordOf } from '../is-record.ts';
import { Inventory, UNGROUPED } from './inventory.ts';
import type { LineOf } from './read-ansible-yaml.ts';

/** Whether a value is what an inventory script of Ansible prints: groups with lists of hosts, and variables in `_meta`. */
export function isScriptOutput(value: Readonly<Record<string, unknown>>): boolean {
  return Object.entries(value).some(
    ([key, data]) =>
      key === '_meta' ||
      Array.isArray(data) ||
      Array.isArray(recordOf(data)['hosts']) ||
      Array.isArray(recordOf(data)['children']),
  );
}

/** Reads what an inventory script of Ansible prints for `--list`. */
export function readScriptJson(value: Readonly<Record<string, unknown>>, lineOf: LineOf): Inventory {
  const inventory = new Inventory();
  const { _meta: meta, ...groups } = value;
  for (const [name, data] of Object.entries(groups)) readGroup(inventory, name, data, lineOf);
  const hostvars = recordOf(meta)['hostvars'];
  if (hostvars === undefined) {
    const reason = 'without it variables of hosts are not known: the script is not asked for each host';
    inventory.ignored.push({ name: '_meta.hostvars', reason });
  } else if (!isRecord(hostvars)) {
    const path = ['_meta', 'hostvars'];
    inventory.problems.push({
      path: path.join('.'),
      message: 'must be a mapping of hosts',
      line: lineOf(path),
    });
  }
  const known = new Set(inventory.hostNames);
  for (const [host, vars] of Object.entries(recordOf(hostvars))) {
    const path = ['_meta', 'hostvars', host];
    if (!known.has(host))
      inventory.ignored.push({ name: path.join('.'), reason: 'no group has this host', line: lineOf(path) });
    for (const [key, each] of Object.entries(recordOf(vars)))
      inventory.setOfHost(host, 'vars', key, { value: each, line: lineOf([...path, key]) });
  }
  return inventory;
}

function readGroup(inventory: Inventory, name: string, data: unknown, lineOf: LineOf): void {
  const wrong = (path: readonly string[], message: string) =>
    void inventory.problems.push({ path: path.join('.'), message, line: lineOf(path) });
  const group = Array.isArray(data) ? { hosts: data as unknown[] } : data;
  if (!isRecord(group))
    return wrong([name], 'must be a list of hosts, or a mapping with hosts, vars or children');
  inventory.addGroup(name);
  const { hosts = [], vars = {}, children = [], ...others } = group;
  if (!isTexts(hosts)) wrong([name, 'hosts'], 'must be a list of names');
  else
    for (const host of hosts)
      inventory.addHost(host, name === 'all' ? UNGROUPED : name, lineOf([name, 'hosts']));
  if (!isRecord(vars)) wrong([name, 'vars'], 'must be a mapping');
  else
    for (const [key, value] of Object.entries(vars))
      inventory.setOfGroup(name, 'vars', key, { value, line: lineOf([name, 'vars', key]) });
  if (!isTexts(children)) wrong([name, 'children'], 'must be a list of names');
  else for (const child of children) inventory.addChild(name, child, lineOf([name, 'children']));
  for (const key of Object.keys(others)) {
    const reason = 'a group has hosts, vars and children';
    inventory.ignored.push({ name: `${name}.${key}`, reason, line: lineOf([name, key]) });
  }
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((each) => typeof each === 'string');
}
