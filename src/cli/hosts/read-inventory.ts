import { isRecord } from '../../domain/is-record.ts';
import { Inventory, type HostProblem } from '../../domain/hosts/inventory.ts';
import { readAnsibleYaml } from '../../domain/hosts/read-ansible-yaml.ts';
import { readIni } from '../../domain/hosts/read-ini.ts';
import { isOwnFormat, readOwn } from '../../domain/hosts/read-own.ts';
import { isScriptOutput, readScriptJson } from '../../domain/hosts/read-script-json.ts';
import { parseYaml, type YamlText } from '../input/parse-yaml.ts';

export type InventoryFormat = 'chandler' | 'ansible-ini' | 'ansible-yaml' | 'ansible-json';

export interface InventoryRead {
  readonly format: InventoryFormat;
  readonly inventory: Inventory;
}

/** Reads the text of an inventory in any format. Problems are in the inventory. */
export function readInventory(text: string, name: string): InventoryRead {
  if (!isYaml(text, name)) return { format: 'ansible-ini', inventory: readIni(text) };
  const { yaml, problems } = parseYaml(text);
  if (!yaml) return { format: 'ansible-yaml', inventory: refused(problems) };
  const { value } = yaml;
  if (!isRecord(value)) {
    const message = 'an inventory must be a mapping: of hosts and groups, or of groups as for Ansible';
    return { format: 'ansible-yaml', inventory: refused([{ path: '', message, line: 1 }]) };
  }
  if (isOwnFormat(value)) return { format: 'chandler', inventory: readOwn(value, lineIn(yaml)) };
  if (text.trimStart().startsWith('{') && isScriptOutput(value))
    return { format: 'ansible-json', inventory: readScriptJson(value, lineIn(yaml)) };
  return { format: 'ansible-yaml', inventory: readYamlOfAnsible(text) };
}

/** Ansible reads YAML 1.1, in which `yes` and `on` are true. */
function readYamlOfAnsible(text: string): Inventory {
  const { yaml, problems } = parseYaml(text, '1.1');
  if (!yaml) return refused(problems);
  return isRecord(yaml.value)
    ? readAnsibleYaml(yaml.value, lineIn(yaml))
    : refused([{ path: '', message: 'an inventory must be a mapping of groups' }]);
}

function lineIn({ placeOf }: YamlText): (path: readonly string[]) => number | undefined {
  return (path) => placeOf(path).line;
}

function refused(problems: readonly HostProblem[]): Inventory {
  const inventory = new Inventory();
  inventory.problems.push(...problems);
  return inventory;
}

/** By the ending of the name; else by the first line that is neither empty nor a comment: `---`, `{` or a key of YAML. */
function isYaml(text: string, name: string): boolean {
  if (/\.(ya?ml|json)$/i.test(name)) return true;
  if (/\.(ini|cfg)$/i.test(name)) return false;
  const first = text
    .replace(/^\uFEFF/, '')
    .split('\n')
    .find((line) => !/^\s*([#;]|$)/.test(line));
  return first !== undefined && /^(---|\s*\{|%YAML|[^\s[=][^=]*:(\s|$))/.test(first);
}
