import { render, sh, type Command } from '../shell/index.ts';
import { ChandlerError } from '../domain/run/failure.ts';
import { addressOf } from '../domain/run/ids.ts';
import { OFFERED } from './host-key.ts';
import type { HostKeyPolicy, ResolvedTarget } from './resolved-target.ts';

/** A target for OpenSSH's client, which reads keys from files. */
export interface ClientTarget extends Pick<ResolvedTarget, 'host' | 'port' | 'user' | 'hostKey'> {
  readonly identities: ClientIdentities;
  readonly jump?: ClientTarget | undefined;
}

export interface ClientIdentities {
  /** Absolute paths. */
  readonly files: readonly string[];
  /** `all`: offers every key of the agent, then the files. `same`: only the keys of the files, which then need no passphrase. */
  readonly agent: 'all' | 'same';
}

type Hop = Parameters<typeof addressOf>[0];

/** What to run on the host. Without a command: a login shell. */
export interface RemoteWork {
  readonly tty: boolean;
  readonly command?: string;
}

/** The `ssh` command line. ssh gets no configuration file, so only the target decides. A pinned host key needs OpenSSH 8.5. */
export function sshArguments(target: ClientTarget, { tty, command }: RemoteWork): string[] {
  const work = command === undefined ? [] : [command];
  return [...connecting(target), ...(tty ? ['-t'] : []), '--', target.host, ...work];
}

/** The command that a person would type who has own settings for the host. */
export function shortSshCommand(
  target: Hop & { readonly jump?: readonly Hop[] | undefined },
  { tty, command }: RemoteWork,
): Command {
  const { host, port, user = 'root', jump = [] } = target;
  return sh(
    'ssh',
    ...(tty ? ['-t'] : []),
    ...shortJump(jump),
    ...(port === undefined ? [] : ['-p', String(port)]),
    ...(isPlainUser(user) ? [`${user}@${host}`] : ['-l', user, host]),
    ...(command === undefined ? [] : [command]),
  );
}

/** Older versions of ssh pass the addresses of -J to a shell unquoted, so this is used for plain names only. */
function shortJump(jump: readonly Hop[]): string[] {
  const last = jump.at(-1);
  if (!last) return [];
  if (jump.every(isPlainHop)) return ['-J', jump.map(addressOf).join(',')];
  const { host, port = 22, user = 'root' } = last;
  // ssh expands the tokens of the command once for each level.
  const own = [...shortJump(jump.slice(0, -1)), '-l', user, '-p', String(port)];
  const proxy = sh('ssh', ...own.map(literal), '-W', '[%h]:%p', '--', literal(host));
  return ['-o', `ProxyCommand=${render(proxy)}`];
}

function literal(word: string): string {
  return word.replaceAll('%', '%%');
}

function isPlainHop({ host, user = 'root' }: Hop): boolean {
  return isPlainUser(user) && !host.includes('%');
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

/**
 * Used instead of -J, which would apply none of these settings to the jump host. ssh expands its tokens and passes the result to
 * a shell.
 */
function proxyCommand(jump: ClientTarget, { host, port }: ClientTarget): string {
  return render(sh(...connecting(jump), '-W', `[${host}]:${port}`, '--', jump.host)).replaceAll('%', '%%');
}

function hostKeyOptions(policy: HostKeyPolicy): string[] {
  const others = ['GlobalKnownHostsFile=/dev/null', 'UpdateHostKeys=no'];
  switch (policy.kind) {
    case 'known-hosts':
      return ['StrictHostKeyChecking=yes', knownHostsFiles(policy.files), ...others];
    case 'accept-new':
      return ['StrictHostKeyChecking=accept-new', knownHostsFiles(policy.files), ...others];
    case 'pinned':
      return [
        'StrictHostKeyChecking=yes',
        'UserKnownHostsFile=/dev/null',
        ...others,
        // Requests the same key type as a worker.
        `HostKeyAlgorithms=${OFFERED.join(',')}`,
        `KnownHostsCommand=${knowOnly(policy.fingerprint)}`,
      ];
    default:
      return policy satisfies never;
  }
}

/** A command that prints a known_hosts line if the offered key is the pinned one. */
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

/** Quotes a path for ssh_config. @throws ChandlerError invalid-input for a path that ssh would expand despite quotes */
function configWord(path: string): string {
  if (path.includes('${'))
    throw new ChandlerError('invalid-input', `ssh cannot use ${path}: it would expand \${ as a variable`);
  const literal = path.replaceAll('%', '%%');
  return /^[A-Za-z0-9@%+=:,./_-]+$/.test(literal) ? literal : `"${literal.replaceAll(/["\\]/g, '\\$&')}"`;
}
