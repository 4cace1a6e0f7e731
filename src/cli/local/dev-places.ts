import { readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Places } from '../../config/config.ts';

/** What the operator of `chandler dev` allows its runs besides the sandbox's hosts. */
export interface DevAllows {
  /** Directories of private keys, separated by colons; `agent` is the ssh-agent. */
  readonly identities?: string;
  /** The secrets that the environment sets. */
  readonly secrets?: boolean;
}

/** The directories, and `agent`. */
export function identityNames(identities = ''): string[] {
  return identities.split(delimiter).filter((name) => name !== '');
}

/**
 * The places of the worker of `chandler dev`. Its server takes runs from every process of this machine, so the worker has
 * the keys of the sandbox's hosts only, and no secrets, unless its operator allows more. `known` is its own known_hosts file.
 */
export function devPlaces(
  places: Places,
  { sandbox, known }: { readonly sandbox: string; readonly known: string },
  { identities, secrets = false }: DevAllows,
): Places {
  const named = identityNames(identities);
  const allowed: Places = {
    ...places,
    identityDirs: named.filter((name) => name !== 'agent'),
    agentSocket: named.includes('agent') ? places.agentSocket : undefined,
    // Without other keys there are no other hosts to know.
    knownHostsFiles: identities === undefined ? [known] : places.knownHostsFiles,
    secretsDir: secrets ? places.secretsDir : undefined,
    secretsPrefix: secrets ? places.secretsPrefix : undefined,
    advice: {
      'identity-unavailable':
        'The worker of `chandler dev` uses the keys of sandbox hosts only. For other hosts start it with --identities DIR, or --identities agent.',
      ...(!secrets && {
        'secret-unavailable':
          'The worker of `chandler dev` reads no secrets unless it is started with --secrets.',
      }),
    },
  };
  return addSandboxPlaces(allowed, sandbox);
}

/** Lets a worker on this machine log in to the sandbox's hosts, also to those made while it runs. */
export function addSandboxPlaces(places: Places, dir: string): Places {
  return {
    ...places,
    identityDirs: [...places.identityDirs, dir],
    // Read anew for each run. The operator's own file stays the first: accept-new records keys beside it.
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
