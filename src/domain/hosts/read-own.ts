import * as z from 'zod';
import { isRecord, recordOf } from '../is-record.ts';
import { labelsSchema, targetSchema, valueSchema } from '../plan/schema.ts';
import { line, variable } from '../plan/schema-texts.ts';
import { problemsWith } from '../plan/validate.ts';
import { ALL, Inventory, UNGROUPED, type HostProblem } from './inventory.ts';
import type { LineOf } from './read-ansible-yaml.ts';

const settings = {
  target: targetSchema.partial().optional(),
  env: z.record(variable, valueSchema).optional(),
  labels: labelsSchema.optional(),
};
const groupName = line.regex(
  /^[^\s:,&!~*?[\]]+$/,
  'is not the name of a group: it must not have white space or one of : , & ! ~ * ? [ ]',
);
const groupSchema = z.strictObject({
  ...settings,
  hosts: z.array(line).optional(),
  children: z.array(line).optional(),
});

/** An inventory in our own format. */
const inventorySchema = z.strictObject({
  $schema: z.string().optional(),
  ...settings,
  groups: z.record(groupName, groupSchema.nullable()).optional(),
  hosts: z
    .union([z.array(line), z.record(line, z.strictObject(settings).nullable())], {
      error: 'must be a list of names, or a mapping of names',
    })
    .optional(),
});

/** Whether a value is an inventory in our own format, rather than one of Ansible. */
export function isOwnFormat(value: Readonly<Record<string, unknown>>): boolean {
  return 'groups' in value || 'hosts' in value;
}

/** Reads an inventory in our own format. */
export function readOwn(value: Readonly<Record<string, unknown>>, lineOf: LineOf): Inventory {
  const inventory = new Inventory();
  const { groups, hosts } = value;
  inventory.problems.push(...ownProblems(value, lineOf));
  if (inventory.problems.length > 0) return inventory;
  setSettings(value, [], lineOf, (...setting) => inventory.setOfGroup(ALL, ...setting));
  for (const [name, data] of Object.entries(recordOf(groups)))
    readGroup(inventory, name, recordOf(data), new Set(Object.keys(recordOf(groups))), lineOf);
  const entries = Array.isArray(hosts)
    ? (hosts as string[]).map((pattern, i) => ({ pattern, data: {}, path: ['hosts', String(i)] }))
    : Object.entries(recordOf(hosts)).map(([pattern, data]) => ({ pattern, data, path: ['hosts', pattern] }));
  for (const { pattern, data, path } of entries) {
    const names = addHosts(inventory, pattern, UNGROUPED, path, lineOf);
    for (const name of names)
      setSettings(recordOf(data), path, lineOf, (...setting) => inventory.setOfHost(name, ...setting));
  }
  return inventory;
}

function ownProblems(value: Readonly<Record<string, unknown>>, lineOf: LineOf): HostProblem[] {
  const { problems = [] } = problemsWith(inventorySchema, value, 'the inventory');
  const found = problems.map(({ keys, message, path }) => ({ path, message, line: lineOf(keys) }));
  const reserved = Object.keys(recordOf(value['groups'])).filter(
    (name) => name === ALL || name === UNGROUPED,
  );
  return [
    ...found,
    ...reserved.map((name) => ({
      path: `groups.${name}`,
      message: `every inventory has this group; what holds for all hosts stands at the top`,
      line: lineOf(['groups', name]),
    })),
  ];
}

function readGroup(
  inventory: Inventory,
  name: string,
  data: Readonly<Record<string, unknown>>,
  known: ReadonlySet<string>,
  lineOf: LineOf,
): void {
  const path = ['groups', name];
  inventory.addGroup(name);
  setSettings(data, path, lineOf, (...setting) => inventory.setOfGroup(name, ...setting));
  for (const [i, pattern] of ((data['hosts'] ?? []) as string[]).entries())
    addHosts(inventory, pattern, name, [...path, 'hosts', String(i)], lineOf);
  for (const [i, child] of ((data['children'] ?? []) as string[]).entries()) {
    const at = [...path, 'children', String(i)];
    if (known.has(child)) inventory.addChild(name, child, lineOf(at));
    else
      inventory.problems.push({
        path: `groups.${name}.children[${i}]`,
        message: `there is no group ${child}`,
        line: lineOf(at),
      });
  }
}

/** Returns the names. */
function addHosts(
  inventory: Inventory,
  pattern: string,
  group: string,
  path: readonly string[],
  lineOf: LineOf,
): readonly string[] {
  const line = lineOf(path);
  const { names = [], problem } = inventory.addHosts(pattern, group, line, (port) => [
    'target',
    'port',
    port,
  ]);
  if (problem !== undefined)
    inventory.problems.push({ path: path.slice(0, -1).join('.'), message: problem, line });
  return names;
}

function setSettings(
  data: Readonly<Record<string, unknown>>,
  path: readonly string[],
  lineOf: LineOf,
  set: (
    section: 'target' | 'env' | 'labels',
    key: string,
    setting: { value: unknown; line?: number | undefined },
  ) => void,
): void {
  for (const section of ['target', 'env', 'labels'] as const) {
    const values = data[section];
    for (const [key, value] of isRecord(values) ? Object.entries(values) : [])
      set(section, key, { value, line: lineOf([...path, section, key]) });
  }
}
