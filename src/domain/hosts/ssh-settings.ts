import { parseJump, parseProxyCommand, type Hop } from './jump-hosts.ts';

/** What `ssh -G` prints: the values of each keyword, which is in lower case. */
export type SshSettings = ReadonlyMap<string, readonly string[]>;

/** How a configuration of ssh reaches a host. */
export interface SshHost {
  readonly hostname?: string;
  readonly port?: number;
  readonly user?: string;
  /** The base name of the first key file. */
  readonly identity?: string;
  /** The jump hosts of ProxyJump, which are not resolved yet. */
  readonly jump?: readonly Hop[];
  /** What a worker cannot use: `ProxyCommand ssh gate …`. */
  readonly unused: readonly string[];
}

/** Settings that a worker cannot apply, by keyword in lower case. */
const UNUSED: Readonly<Record<string, string>> = {
  proxycommand: 'ProxyCommand',
  certificatefile: 'CertificateFile',
  identityagent: 'IdentityAgent',
  hostkeyalias: 'HostKeyAlias',
  userknownhostsfile: 'UserKnownHostsFile',
  globalknownhostsfile: 'GlobalKnownHostsFile',
  knownhostscommand: 'KnownHostsCommand',
  stricthostkeychecking: 'StrictHostKeyChecking',
  pkcs11provider: 'PKCS11Provider',
  bindaddress: 'BindAddress',
  bindinterface: 'BindInterface',
  remotecommand: 'RemoteCommand',
};

export function parseSshSettings(text: string): SshSettings {
  const settings = new Map<string, string[]>();
  for (const line of text.split('\n')) {
    const [, key, value] = /^(\S+) (.*)$/.exec(line.trimEnd()) ?? [];
    if (key === undefined || value === undefined) continue;
    const values = settings.get(key) ?? [];
    values.push(value);
    settings.set(key, values);
  }
  return settings;
}

/** What the configuration sets for a host: all that differs from what ssh does without one. */
export function readSshHost(host: string, settings: SshSettings, bare: SshSettings): SshHost {
  const set = (key: string): readonly string[] | undefined => {
    const values = settings.get(key);
    return values && values.join('\n') !== bare.get(key)?.join('\n') ? values : undefined;
  };
  const [hostname] = settings.get('hostname') ?? [];
  const [port] = set('port') ?? [];
  const [user] = set('user') ?? [];
  const keys = set('identityfile')?.filter((file) => file !== 'none');
  const identity = keys?.[0]?.replace(/^.*\//s, '');
  const isLiteral = identity !== undefined && !/[%$]/.test(identity);
  const [proxy] = set('proxyjump') ?? [];
  const [command] = set('proxycommand') ?? [];
  const gate = command === undefined ? undefined : parseProxyCommand(command);
  const jump = proxy === undefined ? gate && [gate.hop] : parseJump(proxy);
  return {
    ...(hostname !== undefined && hostname !== host.toLowerCase() && { hostname }),
    ...(port !== undefined && { port: Number(port) }),
    ...(user !== undefined && { user }),
    ...(isLiteral && identity !== '' && { identity }),
    ...(jump && jump.length > 0 && { jump }),
    unused: [
      ...(identity === undefined || isLiteral ? [] : [`IdentityFile ${keys?.[0]}`]),
      ...(keys && keys.length > 1 ? [`IdentityFile ${keys.slice(1).join(', ')}`] : []),
      ...(proxy !== undefined && !jump ? [`ProxyJump ${proxy}`] : []),
      ...(gate?.unused ?? []).map((each) => `ProxyCommand ssh ${each}`),
      ...Object.entries(UNUSED)
        .filter(([key]) => key !== 'proxycommand' || !gate)
        .flatMap(([key, name]) => (set(key) ?? []).map((value) => `${name} ${value}`)),
    ],
  };
}

/** A target with what ssh_config adds. Settings of the target itself win. */
export function withSshHost<T extends Hop>(target: T, { hostname, port, user, identity }: SshHost): T {
  return {
    ...target,
    ...(hostname !== undefined && { host: hostname }),
    ...(target.port === undefined && port !== undefined && { port }),
    ...(target.user === undefined && user !== undefined && { user }),
    ...(target.identity === undefined && identity !== undefined && { identity }),
  };
}
