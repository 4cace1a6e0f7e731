import { readdirSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import type { Places } from '../../config/config.ts';
import { messageOf } from '../../domain/run/failure.ts';
import { usageError } from '../errors.ts';

/** What `chandler dev`, or `up --ephemeral`, allows to runs besides the hosts of the sandbox. */
export interface DevAllows {
  /** Directories of private keys, separated by colons; `agent` is the ssh-agent. */
  readonly identities?: string;
  readonly secrets?: boolean;
}

function identityNames(identities = ''): string[] {
  return identities.split(delimiter).filter((name) => name !== '');
}

/**
 * A shell does not expand `--identities=~/.ssh`, and a mistyped directory would allow nothing.
 *
 * @throws CliError usage for a missing directory
 */
export async function requireIdentities({ identities }: DevAllows): Promise<void> {
  for (const name of identityNames(identities).filter((it) => it !== 'agent'))
    await readdir(name).catch((error: unknown) => {
      throw usageError(
        `--identities: cannot read the directory ${name}: ${messageOf(error)}; nothing was started`,
      );
    });
}

/**
 * The places of the worker of `chandler dev`, or of `up --ephemeral`. Its server accepts runs from every process on this machine,
 * so the worker has only the keys of the sandbox's hosts, and no secrets, unless its operator allows more. `known` is its own
 * known_hosts file.
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
    // Without other keys no other host can be reached.
    knownHostsFiles: identities === undefined ? [known] : places.knownHostsFiles,
    secretsDir: secrets ? places.secretsDir : undefined,
    secretsPrefix: secrets ? places.secretsPrefix : undefined,
    advice: {
      'identity-unavailable':
        'The worker of `chandler dev` and of `up --ephemeral` uses the keys of sandbox hosts only. For other hosts start it with --identities DIR, or --identities agent.',
      ...(!secrets && {
        'secret-unavailable':
          'The worker of `chandler dev` and of `up --ephemeral` reads no secrets unless it is started with --secrets.',
      }),
    },
  };
  return addSandboxPlaces(allowed, sandbox);
}

/** Lets a worker on this machine log in to the sandbox's hosts, including those created while it runs. */
export function addSandboxPlaces(places: Places, dir: string): Places {
  return {
    ...places,
    identityDirs: [...places.identityDirs, dir],
    // Read again for each run. The operator's own file stays first, because accept-new records keys beside it.
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
