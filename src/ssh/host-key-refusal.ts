import type { ChandlerError } from '../domain/run/failure.ts';
import { addressOf } from '../domain/run/ids.ts';
import { quote } from '../shell/index.ts';
import { failure } from './ssh-failure.ts';
import { fingerprint, hasCertAuthority, hostName, keyTypeOf, type HostKeyAnswer } from './known-hosts.ts';
import type { ResolvedTarget } from './resolved-target.ts';

export function knownHostsLine(target: Pick<ResolvedTarget, 'host' | 'port'>, keyBlob: Buffer): string {
  const name = hostName(target.host, target.port);
  // A name with a space, comma, wildcard or line end would record a key for other hosts, too.
  if (!/^[\w.:%[\]-]+$/.test(name))
    throw new TypeError(`not a host name that can be recorded: ${JSON.stringify(name)}`);
  return `${name} ${keyTypeOf(keyBlob) ?? ''} ${keyBlob.toString('base64')}`;
}

export function checkPinned(
  target: ResolvedTarget,
  pinned: string,
  keyBlob: Buffer,
): ChandlerError | undefined {
  const offered = fingerprint(keyBlob);
  if (offered === pinned.replace(/=+$/, '')) return undefined;
  return failure(
    'host-key-mismatch',
    addressOf(target),
    `the host offered the ${keyTypeOf(keyBlob) ?? 'unknown'} key ${offered}, but ${pinned} is pinned`,
    `If the host was rebuilt, or the pinned one is its key of another type, set target.hostKey to ${offered}; otherwise a third party may intercept the connection.`,
  );
}

/** The failure for a key that known_hosts does not allow, with the command that allows it. */
export function refuse(
  target: ResolvedTarget,
  keyBlob: Buffer,
  answer: HostKeyAnswer,
  path: string,
  texts: readonly { path: string; text: string }[],
): ChandlerError {
  const label = addressOf(target);
  const offered = `${keyTypeOf(keyBlob) ?? 'unknown'} key ${fingerprint(keyBlob)}`;
  const files = texts.map((text) => text.path).join(', ') || 'no file';
  const add = `printf '%s\\n' ${quote(knownHostsLine(target, keyBlob))} >> ${quote(path || (texts[0]?.path ?? 'known_hosts'))}`;
  switch (answer.kind) {
    case 'revoked':
      return failure(
        'host-key-mismatch',
        label,
        `the host offered the ${offered}, which ${path} line ${answer.line} revokes`,
        'That key must not be used any more: give the host a new one (ssh-keygen -A) and record it.',
      );
    case 'match':
    case 'unknown': {
      const authority = texts.some(({ text }) => hasCertAuthority(text, target.host, target.port));
      const hint = authority
        ? ' (A @cert-authority line is there, but host certificates are not supported.)'
        : '';
      return failure(
        'host-key-unknown',
        label,
        `the host offered the ${offered}; it is recorded nowhere (checked: ${files})${hint}`,
        `If that is the host's fingerprint, run on the worker: ${add}`,
      );
    }
    case 'mismatch': {
      const remove = `ssh-keygen -R ${quote(hostName(target.host, target.port))} -f ${quote(path)}`;
      return failure(
        'host-key-mismatch',
        label,
        `the host offered the ${offered}, but ${path} line ${answer.line} records a different key, of type ${answer.keyType} (checked: ${files})`,
        `A third party may intercept the connection. If the host was rebuilt, run on the worker: ${remove} && ${add}`,
      );
    }
    default:
      return answer satisfies never;
  }
}
