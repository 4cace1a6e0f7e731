import { Inventory, UNGROUPED } from './inventory.ts';
import { readIniValue } from './python-literal.ts';
import { shellWords } from './shell-words.ts';

type State = 'hosts' | 'children' | 'vars';

/** The place that names a group which no section declares. */
interface Pending {
  readonly line: number;
  readonly message: string;
}

/** Reads an inventory in the INI format of Ansible. Every wrong line is a problem. */
export function readIni(text: string): Inventory {
  const inventory = new Inventory();
  const declared = new Set<string>(['all', UNGROUPED]);
  const pending = new Map<string, Pending>();
  let group: string = UNGROUPED;
  let state: State | undefined = 'hosts';
  for (const [i, raw] of text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .entries()) {
    const line = i + 1;
    const content = raw.trim();
    if (content === '' || /^[;#]/.test(content)) continue;
    if (content.startsWith('[') && isHeader(content)) {
      const section = readSection(content);
      // Only the header of a wrong section is reported, not each of its lines.
      state = section.state;
      if (section.problem !== undefined) {
        inventory.problems.push({ path: '', message: section.problem, line });
        continue;
      }
      group = section.group;
      inventory.addGroup(group);
      if (state !== 'vars') declared.add(group);
      else if (!pending.has(group))
        pending.set(group, { line, message: `[${group}:vars]: no section declares the group ${group}` });
    } else if (state === 'hosts') readHosts(inventory, content, group, line);
    else if (state === 'vars') readVariable(inventory, content, group, line);
    else if (state === 'children') {
      const [, child] = /^([^:\]\s]+)\s*(?:#.*)?$/.exec(content) ?? [];
      if (child === undefined)
        inventory.problems.push({ path: '', message: `not a group: ${content}`, line });
      else {
        inventory.addChild(group, child, line);
        if (!pending.has(child))
          pending.set(child, {
            line,
            message: `[${group}:children]: no section declares the group ${child}`,
          });
      }
    }
  }
  for (const [name, { line, message }] of pending)
    if (!declared.has(name)) inventory.problems.push({ path: '', message, line });
  return inventory;
}

/** A line of hosts may begin with the bracket of an IPv6 address. */
function isHeader(content: string): boolean {
  return content.endsWith(']') || /^\[[^\]]*\]\s*(#.*)?$/.test(content);
}

function readSection(
  content: string,
): { group: string; state: State; problem?: never } | { problem: string; state?: undefined } {
  const [, group, kind = 'hosts'] = /^\[([^:\]\s]+)(?::(\w+))?\]\s*(?:#.*)?$/.exec(content) ?? [];
  if (group === undefined) return { problem: `not a section: ${content}` };
  if (kind !== 'hosts' && kind !== 'children' && kind !== 'vars')
    return { problem: `[${group}:${kind}]: a section is [GROUP], [GROUP:children] or [GROUP:vars]` };
  return { group, state: kind };
}

function readHosts(inventory: Inventory, content: string, group: string, line: number): void {
  const wrong = (message: string) => void inventory.problems.push({ path: '', message, line });
  const { words, problem } = shellWords(content);
  if (!words) return wrong(problem);
  const [pattern, ...variables] = words;
  if (pattern === undefined) return;
  const { names, problem: badPattern } = inventory.addHosts(pattern, group, line, (port) => [
    'vars',
    'ansible_port',
    String(port),
  ]);
  if (!names) return wrong(badPattern);
  for (const word of variables) {
    const at = word.indexOf('=');
    if (at < 1) {
      wrong(`${word}: a variable of a host must be NAME=VALUE`);
      continue;
    }
    const value = readIniValue(word.slice(at + 1));
    for (const name of names) inventory.setOfHost(name, 'vars', word.slice(0, at), { value, line });
  }
}

function readVariable(inventory: Inventory, content: string, group: string, line: number): void {
  const at = content.indexOf('=');
  if (at < 1)
    return void inventory.problems.push({
      path: '',
      message: `a variable must be NAME=VALUE: ${content}`,
      line,
    });
  const value = readIniValue(content.slice(at + 1).trim());
  inventory.setOfGroup(group, 'vars', content.slice(0, at).trim(), { value, line });
}
