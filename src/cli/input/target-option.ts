import { parseJump } from '../../domain/hosts/jump-hosts.ts';
import { isRecord, recordOf } from '../../domain/is-record.ts';
import type { Target } from '../../domain/plan/schema.ts';
import { usageError } from '../errors.ts';

type Values = Readonly<Record<string, unknown>>;

const HOP_KEYS = ['host', 'port', 'user', 'identity', 'hostKey'] as const satisfies (keyof Target)[];
const KEYS: readonly string[] = [...HOP_KEYS, 'connectTimeout', 'become'];
const HOP: readonly string[] = HOP_KEYS;

/**
 * Parses `--target`: `KEY=VALUE`, or `[USER@]HOST[:PORT]`. Values are validated with the plan. A key `jump.KEY` is one of the first
 * jump host, `jump.2.KEY` of the second; `jump` is the whole list, as for ProxyJump of ssh.
 *
 * @throws CliError usage
 */
export function parseTargetOption(text: string): Values {
  const equals = text.indexOf('=');
  if (equals < 0) return parseAddress(text);
  const key = text.slice(0, equals);
  const value = text.slice(equals + 1);
  if (key === 'jump') {
    const hops = parseJump(value);
    if (hops) return { jump: hops };
    throw usageError(`--target ${text}: must be jump=[USER@]HOST[:PORT],… or jump=none`);
  }
  const [, position, name = key] = /^jump\.(?:([1-8])\.)?(\w+)$/.exec(key) ?? [];
  if (!(name === key ? KEYS : HOP).includes(name))
    throw usageError(
      `--target ${text}: no key "${key}"; the keys are ${KEYS.join(', ')}, jump, and jump.KEY or jump.2.KEY for ${HOP.join(', ')}`,
    );
  const read = { [name]: name === 'port' ? toPort(value) : value };
  return name === key ? read : { jump: { [Number(position ?? 1) - 1]: read } };
}

/** Whether a word means a plan rather than a host, which never has such a name. */
export function isPlanName(word: string): boolean {
  return word === '-' || word.startsWith('preset:') || /\/|\.(ya?ml|json)$/i.test(word);
}

/** Sets the options' values in a plan's target; later options win. */
export function overrideTarget(plan: unknown, options: readonly string[]): unknown {
  if (options.length === 0 || !isRecord(plan)) return plan;
  return { ...plan, target: readTarget(options, isRecord(plan['target']) ? plan['target'] : {}) };
}

/** Combines several options into a target; `under` has values that they override. */
export function readTarget(options: readonly string[], under: Values = {}): Values {
  return options.map(parseTargetOption).reduce<Values>(merge, under);
}

function merge(under: Values, over: Values): Values {
  return {
    ...under,
    ...over,
    ...(isRecord(over['jump']) && { jump: mergeHops(under['jump'], over['jump']) }),
  };
}

/** Sets keys of jump hosts by their position. One without a host is reported by the validation. */
function mergeHops(under: unknown, over: Values): unknown[] {
  const hops: unknown[] = Array.isArray(under) ? [...(under as unknown[])] : [];
  for (const [position, values] of Object.entries(over)) {
    const at = Number(position);
    while (hops.length <= at) hops.push({});
    hops[at] = { ...recordOf(hops[at]), ...recordOf(values) };
  }
  return hops;
}

/** `root@host`, `host:2222`, `root@[::1]:2222`, `::1` */
function parseAddress(text: string): Values {
  const at = text.lastIndexOf('@');
  const place = text.slice(at + 1);
  const [, bracketed, plain, port] =
    /^(?:\[([^\]]+)\]|([^:[\]]+))(?::(\d+))?$/.exec(withBrackets(place)) ?? [];
  const host = bracketed ?? plain;
  if (!host) throw usageError(`--target ${text}: neither KEY=VALUE nor [USER@]HOST[:PORT]`);
  return {
    ...(at > 0 && { user: text.slice(0, at) }),
    host,
    ...(port !== undefined && { port: Number(port) }),
  };
}

/** More than one colon without brackets is an IPv6 address without a port. */
function withBrackets(place: string): string {
  return !place.startsWith('[') && place.split(':').length > 2 ? `[${place}]` : place;
}

function toPort(value: string): unknown {
  return /^\d+$/.test(value) ? Number(value) : value;
}
