import { ChandlerError, messageOf } from '../domain/failure.ts';
import type { FailureCode } from '../domain/failure.ts';

/**
 * Where an error arose: while connecting and logging in (`dial`), while reading the identity (`identity`), on asking
 * for a session (`session`) or for a forwarded connection through a jump host (`forward`).
 */
export type Where = 'dial' | 'identity' | 'session' | 'forward';

interface Row {
  readonly where: Where | 'any';
  /** Tried on "code level message" of the error. */
  readonly match: RegExp;
  readonly code: FailureCode;
  /** Whether the command may have run: `no` may be sent again at once, `unknown` has to be reconciled. */
  readonly started: 'no' | 'unknown';
  readonly advice?: string;
}

/**
 * What each error of node and ssh2 1.17 means; the first row that fits counts. Texts are theirs: see
 * node_modules/ssh2/lib/client.js and lib/protocol/kex.js.
 */
export const errorTable: readonly Row[] = [
  {
    where: 'identity',
    match: /Encrypted .*no passphrase/,
    code: 'identity-unavailable',
    started: 'no',
    advice: 'The key has a passphrase: load it into an ssh-agent (ssh-add) and use the agent as identity.',
  },
  {
    where: 'identity',
    match: /Unsupported key format/,
    code: 'identity-unavailable',
    started: 'no',
    advice: 'Give a private key in OpenSSH format; `ssh-keygen -p -f KEY` rewrites a PKCS#8 key in it.',
  },
  { where: 'identity', match: /./, code: 'identity-unavailable', started: 'no' },
  {
    where: 'dial',
    match: /ENOTFOUND|EAI_AGAIN|EAI_NODATA/,
    code: 'host-unreachable',
    started: 'no',
    advice: 'The name does not resolve: check target.host and the resolver of the worker.',
  },
  {
    where: 'dial',
    match: /ECONNREFUSED/,
    code: 'host-unreachable',
    started: 'no',
    advice: 'Nothing listens on that port: check target.port and that sshd runs on the host.',
  },
  {
    where: 'dial',
    match: /EHOSTUNREACH|ENETUNREACH|EHOSTDOWN|EADDRNOTAVAIL/,
    code: 'host-unreachable',
    started: 'no',
    advice: 'There is no route to the host: check target.host and the network of the worker.',
  },
  {
    where: 'dial',
    match: /ETIMEDOUT|client-timeout/,
    code: 'host-unreachable',
    started: 'no',
    advice: 'The host does not answer: check that it is up and that no firewall drops the connection.',
  },
  {
    where: 'dial',
    match: /Invalid identification string|Protocol version|Bad packet length|Packet length/,
    code: 'host-unreachable',
    started: 'no',
    advice: 'What answers on that port does not speak SSH: check target.port.',
  },
  {
    where: 'dial',
    match: /no matching/,
    code: 'host-unsupported',
    started: 'no',
    advice:
      'Host and worker share no algorithm of that kind; ssh-rsa and SHA-1 are not offered. Enable a current one in sshd_config.',
  },
  {
    where: 'dial',
    match: /signature verification failed|Wrong signature type|Host key does not match/,
    code: 'host-key-mismatch',
    started: 'no',
    advice: 'The host could not prove that it owns the key it offered: somebody may be in between.',
  },
  { where: 'dial', match: /Host denied/, code: 'host-key-unknown', started: 'no' },
  {
    where: 'dial',
    match: /Too many authentication failures/,
    code: 'auth-failed',
    started: 'no',
    advice:
      'The agent offered more keys than the host tries (MaxAuthTries): use an agent with fewer keys, or a key file.',
  },
  { where: 'dial', match: /authentication methods failed/, code: 'auth-failed', started: 'no' },
  {
    where: 'dial',
    match: /^\S* ?(agent|client-authentication) /,
    code: 'identity-unavailable',
    started: 'no',
  },
  {
    where: 'dial',
    match: /./,
    code: 'host-unreachable',
    started: 'no',
    advice:
      'The host dropped the connection before the login was through: it may be starting, or busy (MaxStartups).',
  },
  {
    where: 'forward',
    match: /^1 /,
    code: 'host-unsupported',
    started: 'no',
    advice: 'The jump host forbids forwarding: set AllowTcpForwarding yes there, or use another jump host.',
  },
  {
    where: 'forward',
    match: /./,
    code: 'host-unreachable',
    started: 'no',
    advice: 'The jump host cannot reach the target: check target.host and target.port as seen from there.',
  },
  {
    where: 'session',
    match: /Not connected|No response from server/,
    code: 'connection-lost',
    started: 'no',
  },
  {
    where: 'session',
    match: /Channel open failure|No free channels/,
    code: 'channel-refused',
    started: 'no',
  },
  { where: 'any', match: /./, code: 'connection-lost', started: 'unknown' },
];

const fallback: Row = { where: 'any', match: /./, code: 'connection-lost', started: 'unknown' };

/** Finds the row of the table for an error. */
export function classify(where: Where, error: unknown): Row {
  const text = searchable(error);
  return (
    errorTable.find((row) => (row.where === where || row.where === 'any') && row.match.test(text)) ?? fallback
  );
}

/**
 * Makes the failure for an error: code and advice from the table; the message begins with `user@host:port: `.
 */
export function toFailure(
  error: unknown,
  context: { where: Where; label: string; doing: string },
): ChandlerError {
  if (error instanceof ChandlerError) return error;
  const { code, advice } = classify(context.where, error);
  return failure(code, context.label, `${context.doing}: ${messageOf(error)}`, advice, error);
}

/** Makes a failure with the message every failure of this folder has: who, and what. */
export function failure(
  code: FailureCode,
  label: string,
  what: string,
  advice?: string,
  cause?: unknown,
): ChandlerError {
  return new ChandlerError(code, `${label}: ${what.replace(/\.$/, '')}`, {
    facts: { host: label, ...(advice === undefined ? {} : { advice }) },
    ...(cause === undefined ? {} : { cause }),
  });
}

function searchable(error: unknown): string {
  const { code, level, reason } = error as { code?: unknown; level?: unknown; reason?: unknown };
  const parts = [reason ?? code, level].filter(
    (part) => typeof part === 'string' || typeof part === 'number',
  );
  return [...parts, messageOf(error)].join(' ');
}
