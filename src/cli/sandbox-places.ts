import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Places } from '../config/config.ts';

/** Lets a worker on this machine log in to the sandbox's hosts, also to those made while it runs. */
export function addSandboxPlaces(places: Places, dir: string): Places {
  return {
    ...places,
    identityDirs: [...places.identityDirs, dir],
    // Read anew for each run. The operator's own file stays the first: it is the one that accept-new writes to.
    get knownHostsFiles() {
      return [...places.knownHostsFiles, ...knownHostsIn(dir)];
    },
  };
}

function knownHostsIn(dir: string): string[] {
  try {
    return readdirSync(dir, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => join(dir, name, 'known_hosts'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
