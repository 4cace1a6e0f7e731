import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { toHosts, type Host } from '../../domain/hosts/hosts.ts';
import type { HostProblem, Ignored } from '../../domain/hosts/inventory.ts';
import { limitHosts } from '../../domain/hosts/limit-hosts.ts';
import type { PlacedProblem } from '../../domain/plan/problems.ts';
import { count } from '../../domain/text/count.ts';
import { nameSome } from '../../domain/text/name-some.ts';
import { oneLine } from '../../domain/text/plain-text.ts';
import { quote } from '../../shell/index.ts';
import { announceOn, warn, type CliContext } from '../context.ts';
import { usageError } from '../errors.ts';
import { renderProblems } from '../input/plan-file.ts';
import { readInventory, type InventoryFormat } from './read-inventory.ts';
import { readInventoryText } from './read-inventory-text.ts';

/** The options that choose hosts. */
export interface HostsChoice {
  readonly hosts: string;
  readonly limit?: string;
}

/** The chosen hosts of an inventory. */
export interface HostsRead {
  /** As messages name it. */
  readonly file: string;
  readonly format: InventoryFormat;
  readonly hosts: readonly Host[];
  /** How many hosts the inventory has. */
  readonly total: number;
  /** Settings of the chosen hosts that Chandler does not use. */
  readonly ignored: readonly Ignored[];
}

/**
 * Reads an inventory, and chooses its hosts by a pattern. Prints how many match.
 *
 * @throws CliError usage with one problem a line, or if no host is left
 */
export async function readHosts(
  { hosts: source, limit }: HostsChoice,
  context: CliContext,
): Promise<HostsRead> {
  const file = source === '-' ? 'stdin' : source;
  const { format, inventory } = readInventory(await readInventoryText(source, context), file);
  // A wrong line hides none of the others. Without one, hosts that are not chosen may be wrong.
  if (inventory.problems.length > 0)
    refuse(file, [...inventory.problems, ...toHosts(inventory.resolve()).problems]);
  const { names, unmatched, problem } = { unmatched: [], ...limitHosts(inventory, limit ?? 'all') };
  if (!names) throw usageError(`--limit ${limit}: ${problem}`);
  const total = inventory.hostNames.length;
  if (total === 0) throw usageError(`${file}: has no hosts`);
  for (const part of limit === undefined ? [] : unmatched)
    warn(context, `--limit ${limit}: ${part} matches no host or group`);
  if (names.length === 0)
    throw usageError(`--limit ${limit}: matches none of ${count(total, 'host')} in ${file}`);
  const chosen = new Map(inventory.resolve().map((host) => [host.name, host]));
  const { hosts, problems } = toHosts(names.flatMap((name) => chosen.get(name) ?? []));
  refuse(file, problems);
  if (limit !== undefined)
    announceOn(context)(`${names.length} of ${count(total, 'host')} match --limit ${limit}`);
  const ignored = [
    ...unreadDirectories(source, format),
    ...inventory.ignored,
    ...hosts.flatMap((host) => host.ignored),
  ];
  return { file, format, hosts, total, ignored };
}

/** Ansible reads variables from directories beside the inventory. */
function unreadDirectories(source: string, format: InventoryFormat): Ignored[] {
  if (source === '-' || format === 'chandler') return [];
  return ['group_vars', 'host_vars']
    .filter((name) => existsSync(join(dirname(source), name)))
    .map((name) => ({ name, reason: 'is not read; give the output of: ansible-inventory --list' }));
}

/** Prints the settings of an inventory that are not used. */
export function announceIgnored(context: CliContext, { file, ignored }: HostsRead): void {
  const names = [...new Set(ignored.map(({ name }) => name))];
  if (names.length === 0) return;
  const command = `${context.program} hosts ${quote(file === 'stdin' ? '-' : file)}`;
  announceOn(context)(`not used of ${oneLine(file)}: ${nameSome(names)}; for the reasons: ${command}`);
}

function refuse(file: string, problems: readonly HostProblem[]): void {
  if (problems.length === 0) return;
  const placed = problems.map(({ line, path, message }): PlacedProblem => {
    return { path: oneLine(path), message: oneLine(message), ...(line !== undefined && { line }) };
  });
  throw usageError(renderProblems(file, placed));
}
