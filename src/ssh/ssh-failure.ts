import { definedOnly } from '../domain/defined-only.ts';
import { ChandlerError, messageOf, type FailureCode } from '../domain/run/failure.ts';

/** The operation that failed. `dial`: connecting and logging in. `forward`: connecting through a jump host. */
export type Where = 'dial' | 'identity' | 'exec' | 'forward';

const DROPPED =
  'The host dropped the connection before the login was complete: it may be starting, or busy (MaxStartups).';

/**
 * What the errors of Node and ssh2 1.17 mean: a pattern for "code level message", the code, and advice. The first match counts.
 * The texts are in node_modules/ssh2/lib/client.js and lib/protocol/kex.js.
 */
const errorTable: Readonly<Record<Where, readonly (readonly [RegExp, FailureCode, string?])[]>> = {
  identity: [
    [
      /Encrypted .*no passphrase/,
      'identity-unavailable',
      'The key has a passphrase: load it into an ssh-agent (ssh-add) and use the agent as identity.',
    ],
    [
      /Unsupported key format/,
      'identity-unavailable',
      'Give a private key in OpenSSH format; `ssh-keygen -p -f KEY` rewrites a PKCS#8 key in it.',
    ],
    [/./, 'identity-unavailable'],
  ],
  dial: [
    // A host may close the connection after any banner, so only the sentences of pam_unix and of systemd count.
    [
      /^the host closed .*[“ ]Your account has expired; please contact your system administrator\.”$/,
      'auth-failed',
      "The host accepted the key, but the user's account has expired: chage -E -1 USER on the host, or log in as another user.",
    ],
    [
      /^the host closed .*Unprivileged users are not permitted to log in/,
      'host-unreachable',
      'Only root may log in while the host starts or goes down (/run/nologin, pam_nologin); Chandler tries again.',
    ],
    [/^the host closed /, 'host-unreachable', DROPPED],
    [
      /ENOTFOUND|EAI_AGAIN|EAI_NODATA/,
      'host-unreachable',
      'The name does not resolve: check target.host and the resolver of the worker.',
    ],
    [
      /ECONNREFUSED/,
      'host-unreachable',
      'Nothing listens on that port: check target.port and that sshd runs on the host.',
    ],
    [
      /EHOSTUNREACH|ENETUNREACH|EHOSTDOWN|EADDRNOTAVAIL/,
      'host-unreachable',
      'There is no route to the host: check target.host and the network of the worker.',
    ],
    [
      /ETIMEDOUT|sent nothing for/,
      'host-unreachable',
      'The host does not answer: check that it is up and that no firewall drops the connection.',
    ],
    [
      /not complete within/,
      'host-unreachable',
      'The host answers, but its logins stall: it may be starting or overloaded, its sshd may wait for a name server (UseDNS), or the network drops large packets (MTU). The next login may take longer.',
    ],
    [
      /Invalid identification string|Protocol version|Bad packet length|Packet length/,
      'host-unreachable',
      'What answers on that port does not speak SSH: check target.port.',
    ],
    [
      /no matching/,
      'host-unsupported',
      'Host and worker share no algorithm of that kind; ssh-rsa and SHA-1 are not offered. Enable a current one in sshd_config.',
    ],
    [
      /signature verification failed|Wrong signature type|Host key does not match/,
      'host-key-mismatch',
      'The host could not prove that it owns the key it offered: a third party may intercept the connection.',
    ],
    [/Host denied/, 'host-key-unknown'],
    [
      /Too many authentication failures/,
      'auth-failed',
      'The agent offered more keys than the host tries (MaxAuthTries): use an agent with fewer keys, or a key file.',
    ],
    [/authentication methods failed/, 'auth-failed'],
    [/^\S* ?(agent|client-authentication) /, 'identity-unavailable'],
    [/./, 'host-unreachable', DROPPED],
  ],
  forward: [
    [
      /^1 /,
      'host-unsupported',
      'The jump host forbids forwarding: set AllowTcpForwarding yes there, or use another jump host.',
    ],
    [
      /./,
      'host-unreachable',
      'The jump host cannot reach the target: check target.host and target.port as seen from there.',
    ],
  ],
  exec: [
    [/Not connected|No response from server/, 'connection-lost'],
    [/Channel open failure|No free channels/, 'channel-refused'],
  ],
};

/** Converts an error. `started`: whether the command may have run. */
export function classify(
  where: Where,
  error: unknown,
): { code: FailureCode; advice?: string | undefined; started: 'no' | 'unknown' } {
  const text = searchable(error);
  const [, code, advice] = errorTable[where].find(([pattern]) => pattern.test(text)) ?? [];
  return code ? { code, advice, started: 'no' } : { code: 'connection-lost', started: 'unknown' };
}

export function toFailure(
  error: unknown,
  { where, label, doing }: { where: Where; label: string; doing: string },
): ChandlerError {
  if (error instanceof ChandlerError) return error;
  const { code, advice } = classify(where, error);
  return failure(code, label, `${doing}: ${messageOf(error)}`, advice, error);
}

export function failure(
  code: FailureCode,
  label: string,
  what: string,
  advice?: string,
  cause?: unknown,
): ChandlerError {
  return new ChandlerError(code, `${label}: ${what.replace(/\.$/, '')}`, {
    facts: definedOnly({ host: label, advice }),
    cause,
  });
}

function searchable(error: unknown): string {
  const { code, level, reason } = error as { code?: unknown; level?: unknown; reason?: unknown };
  const parts = [reason ?? code, level].filter((part) => ['string', 'number'].includes(typeof part));
  return [...parts, messageOf(error)].join(' ');
}
