import { readFile } from 'node:fs/promises';
import { fingerprint as fingerprintOf, hostName } from '../../ssh/known-hosts.ts';
import { runOrThrow } from './run.ts';

/** Makes an ed25519 key pair in OpenSSH format at `path` and `path.pub`; returns the public half, `TYPE BASE64`. */
export async function makeKey(path: string, comment: string): Promise<string> {
  await runOrThrow(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', comment, '-f', path]);
  const [type = '', blob = ''] = (await readFile(`${path}.pub`, 'utf8')).split(' ');
  return `${type} ${blob}`;
}

/** The fingerprint as `ssh-keygen -l` prints it: `SHA256:` and base64 without padding. */
export function fingerprint(publicKey: string): string {
  return fingerprintOf(Buffer.from(publicKey.split(' ')[1] ?? '', 'base64'));
}

/** The known_hosts line of a host. */
export function knownHostsLine(host: string, port: number, publicKey: string): string {
  return `${hostName(host, port)} ${publicKey}\n`;
}
