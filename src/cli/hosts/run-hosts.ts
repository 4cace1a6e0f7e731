import type { Host } from '../../domain/hosts/hosts.ts';
import type { Ignored } from '../../domain/hosts/inventory.ts';
import { definedOnly } from '../../domain/defined-only.ts';
import { addressOf } from '../../domain/run/ids.ts';
import { count } from '../../domain/text/count.ts';
import { oneLine } from '../../domain/text/plain-text.ts';
import { print, type CliContext } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import type { HostsOutput, IgnoredOutput, TargetOutput } from '../output/outputs.ts';
import { printJson } from '../output/print-json.ts';
import { renderColumns } from '../output/render-columns.ts';
import { readHosts, type HostsRead } from './read-hosts.ts';

export async function runHosts(
  context: CliContext,
  source: string,
  { limit, json = false }: { readonly limit?: string; readonly json?: boolean },
): Promise<number> {
  const read = await readHosts(definedOnly({ hosts: source, limit }), context);
  if (json) printJson(context.stdout, toOutput(read));
  else print(context, ...renderHosts(read));
  return exitCodes.provisioned;
}

function toOutput({ file, format, total, hosts, ignored }: HostsRead): HostsOutput {
  return {
    file,
    format,
    total,
    hosts: hosts.map(({ name, groups, target, env, labels }) => ({
      name,
      groups,
      target: target as TargetOutput,
      env: Object.fromEntries([...env].map(([key, { value }]) => [key, String(value)])),
      labels,
    })),
    ignored: ignored.map((each): IgnoredOutput => definedOnly(each)),
  };
}

export function renderHosts({ file, format, total, hosts, ignored }: HostsRead): string[] {
  return [
    ...renderColumns(
      ['HOST', 'ADDRESS', 'GROUPS', 'VALUES'],
      hosts.map((host) => [host.name, addressIn(host), host.groups.join(' '), valuesOf(host)].map(oneLine)),
    ),
    '',
    `${hosts.length === total ? '' : `${hosts.length} of `}${count(total, 'host')} in ${oneLine(file)} (${format})`,
    ...(ignored.length === 0 ? [] : ['Not used:']),
    ...groupIgnored(ignored).map((line) => `  ${oneLine(line)}`),
  ];
}

/** The host's address, without user and port if the inventory does not set them. */
function addressIn({ target: { user, host, port } }: Host): string {
  const whole = addressOf(definedOnly({ host, port, user }));
  const named = user === undefined ? whole.replace(/^root@/, '') : whole;
  return port === undefined ? named.replace(/:22$/, '') : named;
}

function valuesOf({ env }: Host): string {
  return [...env].map(([key, { value }]) => `${key}=${String(value)}`).join(' ');
}

/** One line for each setting that is not used, with all its hosts. */
function groupIgnored(ignored: readonly Ignored[]): string[] {
  const hosts = new Map<string, string[]>();
  for (const { name, reason, host } of ignored) {
    const line = `${name}: ${reason}`;
    hosts.set(line, [...(hosts.get(line) ?? []), ...(host === undefined ? [] : [host])]);
  }
  return [...hosts].map(([line, names]) => {
    if (names.length === 0) return line;
    return `${line} (${names.length > 2 ? count(names.length, 'host') : names.join(', ')})`;
  });
}
