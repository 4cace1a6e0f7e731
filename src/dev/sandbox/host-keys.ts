import { readFile } from 'node:fs/promises';
import { fingerprint as fingerprintOf, hostName } from '../../ssh/known-hosts.ts';
import { runOrThrow } from './run-program.ts';

/** Creates an ed25519 key pair at `path` and `path.pub`; returns the public half, `TYPE BASE64`. */
export async function makeKey(path: string, comment: string): Promise<string> {
  await runOrThrow(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', comment, '-f', path]);
  const [type = '', blob = ''] = (await readFile(`${path}.pub`, 'utf8')).split(' ');
  return `${type} ${blob}`;
}

export function fingerprint(publicKey: string): string {
  return fingerprintOf(Buffer.from(publicKey.split(' ')[1] ?? '', 'base64'));
}

export function knownHostsLine(host: string, port: number, publicKey: string): string {
  return `${hostName(host, port)} ${publicKey}\n`;
}
