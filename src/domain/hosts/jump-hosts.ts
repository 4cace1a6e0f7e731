/** A jump host, as in the plan. */
export interface Hop {
  readonly host: string;
  readonly port?: number | undefined;
  readonly user?: string | undefined;
}

/** Parses the value of ProxyJump: `[user@]host[:port],…` or URIs `ssh://…`; undefined if it is none. `none` is no jump host. */
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
