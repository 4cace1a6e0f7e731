import { render, sh, type Command } from '../shell/index.ts';
import { ChandlerError } from '../domain/failure.ts';
import { addressOf } from '../domain/ids.ts';
import { OFFERED } from './host-key.ts';
import type { HostKeyPolicy } from './target.ts';

/** What OpenSSH's client needs to reach a host as a worker does: keys are named by their files. */
export interface ClientTarget {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly identities: ClientIdentities;
  readonly hostKey: HostKeyPolicy;
  /** A host to go through. */
  readonly jump?: ClientTarget;
}

/** The private keys to offer: absolute paths, and those of the agent. */
export interface ClientIdentities {
  readonly files: readonly string[];
  /** `all`: every key it holds, before the files. `same`: only the files', which then need no passphrase. */
  readonly agent: 'all' | 'same';
}

/** What to do on the host. Without a command it is a login shell. */
export interface RemoteWork {
  readonly tty: boolean;
  readonly command?: string;
}

/**
 * The arguments of `ssh`, and `ssh` itself. No configuration file is read: nothing but the target decides which host key
 * is good and which way it goes. Needs OpenSSH 8.5 for a pinned host key; an older one refuses the option.
 */
export function sshArguments(target: ClientTarget, { tty, command }: RemoteWork): string[] {
  return [
    ...connecting(target),
    ...(tty ? ['-t'] : []),
    '--',
    target.host,
    ...(command === undefined ? [] : [command]),
  ];
}

/** The command of somebody who has settings of their own for the host, to be read and typed. */
export function shortSshCommand(
  target: {
    host: string;
    port?: number | undefined;
    user?: string | undefined;
    jump?: typeof target | undefined;
  },
  { tty, command }: RemoteWork,
): Command {
  const { host, port, user = 'root', jump } = target;
  return sh(
    'ssh',
    ...(tty ? ['-t'] : []),
    ...(jump ? shortJump(jump) : []),
    ...(port === undefined ? [] : ['-p', String(port)]),
    ...(isPlainUser(user) ? [`${user}@${host}`] : ['-l', user, host]),
    ...(command === undefined ? [] : [command]),
  );
}

/**
 * -J is a list of addresses, of which older versions of ssh make a shell command without a quote: it is for plain names only.
 */
function shortJump(jump: Parameters<typeof addressOf>[0]): string[] {
  const { host, port = 22, user = 'root' } = jump;
  if (isPlainUser(user) && !host.includes('%')) return ['-J', addressOf(jump)];
  const [name, gate] = [user, host].map((word) => word.replaceAll('%', '%%')) as [string, string];
  const proxy = sh('ssh', '-l', name, '-p', String(port), '-W', '[%h]:%p', '--', gate);
  return ['-o', `ProxyCommand=${render(proxy)}`];
}

function isPlainUser(user: string): boolean {
  return /^[A-Za-z0-9_][A-Za-z0-9_.@-]*$/.test(user);
}

function connecting(target: ClientTarget): string[] {
  const options = [
    ...hostKeyOptions(target.hostKey),
    ...identityOptions(target.identities),
    'PreferredAuthentications=publickey',
    'ConnectTimeout=10',
    'ServerAliveInterval=15',
    ...(target.jump ? [`ProxyCommand=${proxyCommand(target.jump, target)}`] : []),
  ];
  const login = ['-p', String(target.port), '-l', target.user];
  return ['ssh', '-F', 'none', ...options.flatMap((option) => ['-o', option]), ...login];
}

/** Not -J: that would give the jump host the settings of nobody. It is read by a shell, after ssh has replaced its tokens. */
function proxyCommand(jump: ClientTarget, { host, port }: ClientTarget): string {
  return render(sh(...connecting(jump), '-W', `[${host}]:${port}`, '--', jump.host)).replaceAll('%', '%%');
}

function hostKeyOptions(policy: HostKeyPolicy): string[] {
  const nobodyElse = ['GlobalKnownHostsFile=/dev/null', 'UpdateHostKeys=no'];
  switch (policy.kind) {
    case 'known-hosts':
      return ['StrictHostKeyChecking=yes', knownHostsFiles(policy.files), ...nobodyElse];
    case 'accept-new':
      return ['StrictHostKeyChecking=accept-new', knownHostsFiles(policy.files), ...nobodyElse];
    case 'pinned':
      return [
        'StrictHostKeyChecking=yes',
        'UserKnownHostsFile=/dev/null',
        ...nobodyElse,
        // The key that is asked for is the one that a worker would see.
        `HostKeyAlgorithms=${OFFERED.join(',')}`,
        `KnownHostsCommand=${knowOnly(policy.fingerprint)}`,
      ];
    default:
      return policy satisfies never;
  }
}

/** A known_hosts file of one line, if the key that the host offers is the pinned one, and an empty one otherwise. */
function knowOnly(fingerprint: string): string {
  const program = `if [ "$1" = ${fingerprint.replace(/=+$/, '')} ]; then echo "$2 $3 $4"; fi`;
  return `/bin/sh -c '${program}' pinned %f %H %t %K`;
}

function knownHostsFiles(files: readonly string[]): string {
  return `UserKnownHostsFile=${files.map(configWord).join(' ')}`;
}

function identityOptions({ files, agent }: ClientIdentities): string[] {
  return [
    `IdentitiesOnly=${agent === 'same' ? 'yes' : 'no'}`,
    ...(files.length === 0 ? ['IdentityFile=none'] : files.map((file) => `IdentityFile=${configWord(file)}`)),
  ];
}

/**
 * A path as ssh_config has it, which means itself.
 *
 * @throws ChandlerError invalid-input for one that ssh would always expand
 */
function configWord(path: string): string {
  if (path.includes('${')) {
    throw new ChandlerError(
      'invalid-input',
      `ssh cannot be told of ${path}: it would take \${ for a variable`,
    );
  }
  const literal = path.replaceAll('%', '%%');
  return /^[A-Za-z0-9@%+=:,./_-]+$/.test(literal) ? literal : `"${literal.replaceAll(/["\\]/g, '\\$&')}"`;
}
