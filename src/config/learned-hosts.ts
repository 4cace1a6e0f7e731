import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { Target } from '../domain/plan/schema.ts';

const MAX_NAME_LENGTH = 60;

/**
 * The file for host keys that `accept-new` learns on one route: directly, or through jump hosts. A jump host can present any
 * machine as `db.internal`, so such a key must not count on another route, for plans that use known_hosts only, or for plain ssh.
 * The file is in a directory beside the operator's first known_hosts file, which is never written.
 */
export function learnedHostsFile(knownHosts: string, jump: Target['jump'] = []): string {
  if (knownHosts === '/dev/null') return knownHosts;
  const dir = `${knownHosts}.learned`;
  const last = jump.at(-1);
  if (!last) return join(dir, 'direct');
  // The same jump host under another host key policy may be another machine.
  const way = JSON.stringify(
    jump.map(({ host, port = 22, user = 'root', hostKey = 'known_hosts' }) => [
      user,
      host.toLowerCase(),
      port,
      hostKey,
    ]),
  );
  const name = last.host
    .toLowerCase()
    .replaceAll(/[^\w.-]/g, '_')
    .slice(0, MAX_NAME_LENGTH);
  return join(dir, `via-${name}-${createHash('sha256').update(way).digest('hex').slice(0, 12)}`);
}
