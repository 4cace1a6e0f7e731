import { shellWords } from './shell-words.ts';

/** A jump host, as in the plan. */
export interface Hop {
  readonly host: string;
  readonly port?: number | undefined;
  readonly user?: string | undefined;
  readonly identity?: string | undefined;
}

/** Parses a ProxyCommand that is `ssh -W %h:%p HOST` with other options; undefined for any other command. */
export function parseProxyCommand(
  text: string,
): { readonly hop: Hop; readonly unused: readonly string[] } | undefined {
  const [program = '', ...words] = shellWords(text).words ?? [];
  if (!/^(?:\S*\/)?ssh$/.test(program)) return undefined;
  const given = new Map<string, string>();
  const unused: string[] = [];
  let place: string | undefined;
  for (let i = 0; i < words.length; i += 1) {
    const [, flag, attached = ''] = /^-([A-Za-z])(.*)$/s.exec(words[i]!) ?? [];
    if (flag === undefined && place === undefined) place = words[i];
    else if (flag === 'q' && attached === '') continue;
    else if (flag !== undefined && 'Wplio'.includes(flag)) {
      const value = attached === '' ? (words[(i += 1)] ?? '') : attached;
      if (flag === 'o') unused.push(`-o ${value}`);
      else given.set(flag, value);
    } else return undefined;
  }
  const [hop, ...more] = place === undefined ? [] : (parseJump(place) ?? []);
  const port = given.get('p');
  if (!hop || more.length > 0 || !/^(?:%h|\[%h\]):%p$/.test(given.get('W') ?? '')) return undefined;
  if (port !== undefined && !/^\d{1,5}$/.test(port)) return undefined;
  const [user, identity] = [given.get('l'), given.get('i')?.replace(/^.*\//s, '')];
  return {
    hop: {
      ...hop,
      ...(port !== undefined && { port: Number(port) }),
      ...(user !== undefined && { user }),
      ...(identity !== undefined && { identity }),
    },
    unused,
  };
}

/** Parses the value of ProxyJump: `[user@]host[:port],…` or URIs `ssh://…`; undefined for any other text. `none` means no jump host. */
export function parseJump(text: string): readonly Hop[] | undefined {
  if (text.toLowerCase() === 'none') return [];
  const hops = text.split(',').map(parseHop);
  return hops.every((hop) => hop !== undefined) ? hops : undefined;
}

function parseHop(text: string): Hop | undefined {
  const [, user, bracketed, plain, port] =
    /^(?:ssh:\/\/)?(?:([^/]+)@)?(?:\[([^\]]+)\]|([^@:[\]/\s]+))(?::(\d{1,5}))?\/?$/.exec(text.trim()) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined) return undefined;
  return { host, ...(port !== undefined && { port: Number(port) }), ...(user !== undefined && { user }) };
}
