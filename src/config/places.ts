import { readFile, realpath } from 'node:fs/promises';
import { isAbsolute, join, resolve, sep } from 'node:path';
import { ChandlerError, messageOf, type FailureCode } from '../domain/failure.ts';
import type { Target } from '../domain/schema.ts';
import type { ClientIdentities, ClientTarget } from '../ssh/client-command.ts';
import type { HostKeyPolicy, ResolvedAuth, ResolvedTarget } from '../ssh/target.ts';
import type { Places } from './config.ts';

const DEFAULT_IDENTITIES = ['id_ed25519', 'id_ecdsa', 'id_rsa'];

/**
 * Looks up what a plan's target names. Nothing outside the worker's places is read, whatever the plan says.
 *
 * @throws ChandlerError identity-unavailable
 */
export async function resolveTarget(target: Target, places: Places): Promise<ResolvedTarget> {
  return {
    host: target.host,
    port: target.port ?? 22,
    user: target.user ?? 'root',
    auth: await resolveIdentity(target.identity, places),
    hostKey: resolveHostKey(target.hostKey, places),
    ...(target.jump && { jump: await resolveTarget(target.jump, places) }),
  };
}

/**
 * As {@link resolveTarget}, for ssh on this machine: it reads the keys itself, and tries every one where a plan names none.
 *
 * @throws ChandlerError identity-unavailable
 */
export async function locateTarget(target: Target, places: Places): Promise<ClientTarget> {
  // A command that is copied means the same in another directory.
  const here = { ...places, knownHostsFiles: places.knownHostsFiles.map((file) => resolve(file)) };
  return {
    host: target.host,
    port: target.port ?? 22,
    user: target.user ?? 'root',
    identities: await locateIdentities(target.identity, places),
    hostKey: resolveHostKey(target.hostKey, here),
    ...(target.jump && { jump: await locateTarget(target.jump, places) }),
  };
}

/**
 * The values of a step's secrets.
 *
 * @throws ChandlerError secret-unavailable; the message names the reference, never a value
 */
export async function resolveSecrets(
  references: Readonly<Record<string, string>>,
  places: Places,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Record<string, string>> {
  const values = await Promise.all(
    Object.entries(references).map(
      async ([name, reference]) => [name, await readSecret(reference, places, env)] as const,
    ),
  );
  return Object.fromEntries(values);
}

/** A binary of the worker's zmx directory. @throws ChandlerError zmx-unavailable */
export async function readZmxFile(name: string, places: Places): Promise<Uint8Array> {
  return readInside(
    name,
    places.zmxDir === undefined ? [] : [places.zmxDir],
    'zmx-unavailable',
    'CHANDLER_ZMX_DIR',
  );
}

async function readSecret(
  reference: string,
  places: Places,
  env: Readonly<Record<string, string | undefined>>,
): Promise<string> {
  const value = await lookUp(reference, places, env);
  if (value.includes('\0'))
    throw new ChandlerError(
      'secret-unavailable',
      `${reference} holds a NUL byte, which no variable can hold`,
    );
  return value;
}

async function lookUp(
  reference: string,
  places: Places,
  env: Readonly<Record<string, string | undefined>>,
): Promise<string> {
  const [kind, name = ''] = reference.split(/:(.*)/s);
  if (kind === 'env') {
    const value = env[`${places.secretsPrefix}${name}`];
    if (value !== undefined) return value;
    throw new ChandlerError(
      'secret-unavailable',
      `the worker has no variable ${places.secretsPrefix}${name}`,
    );
  }
  const dirs = places.secretsDir === undefined ? [] : [places.secretsDir];
  const bytes = await readInside(name, dirs, 'secret-unavailable', 'CHANDLER_SECRETS_DIR');
  // A file made by an editor or by echo ends in a line end that is not part of the secret.
  return bytes.toString('utf8').replace(/\r?\n$/, '');
}

async function resolveIdentity(identity: string | undefined, places: Places): Promise<ResolvedAuth> {
  if (identity === 'agent') return agent(places);
  if (identity !== undefined) return readKey(identity, places);
  if (places.agentSocket !== undefined) return agent(places);
  for (const name of DEFAULT_IDENTITIES) {
    const key = await readKey(name, places).catch((error: unknown) => ignoreUnavailable(error));
    if (key) return key;
  }
  throw noIdentity(places);
}

function noIdentity(places: Places): ChandlerError {
  return new ChandlerError(
    'identity-unavailable',
    `the plan names no identity, there is no agent, and none of ${DEFAULT_IDENTITIES.join(', ')} is in ${places.identityDirs.join(', ')}`,
  );
}

async function locateIdentities(identity: string | undefined, places: Places): Promise<ClientIdentities> {
  if (identity === 'agent') {
    agent(places);
    return { files: [], agent: 'all' };
  }
  if (identity !== undefined) {
    const file = await findInside(
      identity,
      places.identityDirs,
      'identity-unavailable',
      'CHANDLER_IDENTITIES',
    );
    return { files: [file], agent: 'same' };
  }
  const found = await Promise.all(
    DEFAULT_IDENTITIES.map((name) =>
      findInside(name, places.identityDirs, 'identity-unavailable', 'CHANDLER_IDENTITIES').catch(
        (error: unknown) => ignoreUnavailable(error),
      ),
    ),
  );
  const files = found.filter((file) => file !== undefined);
  if (files.length === 0 && places.agentSocket === undefined) throw noIdentity(places);
  return { files, agent: 'all' };
}

function agent(places: Places): ResolvedAuth {
  if (places.agentSocket === undefined) {
    throw new ChandlerError('identity-unavailable', 'the worker has no ssh-agent (SSH_AUTH_SOCK is not set)');
  }
  return { kind: 'agent', socket: places.agentSocket };
}

async function readKey(name: string, places: Places): Promise<ResolvedAuth> {
  const bytes = await readInside(name, places.identityDirs, 'identity-unavailable', 'CHANDLER_IDENTITIES');
  return { kind: 'key', privateKey: bytes.toString('utf8'), source: name };
}

function ignoreUnavailable(error: unknown): undefined {
  if (error instanceof ChandlerError && error.code === 'identity-unavailable') return undefined;
  throw error;
}

/** Reads a file of one of the directories. */
async function readInside(
  name: string,
  dirs: readonly string[],
  code: FailureCode,
  setting: string,
): Promise<Buffer> {
  return readFile(await findInside(name, dirs, code, setting)).catch((error: unknown) => {
    throw new ChandlerError(code, `cannot read ${name}: ${messageOf(error)}`);
  });
}

/** The path of a file of one of the directories. Neither `..` nor a symbolic link leads out of them. */
async function findInside(
  name: string,
  dirs: readonly string[],
  code: FailureCode,
  setting: string,
): Promise<string> {
  for (const dir of dirs) {
    const root = await realpath(dir).catch(() => undefined);
    const path = root && (await realpath(isAbsolute(name) ? name : join(root, name)).catch(() => undefined));
    if (path?.startsWith(root + sep)) return path;
  }
  const where = dirs.length === 0 ? `${setting} is not set` : `not a file in ${dirs.join(', ')} (${setting})`;
  throw new ChandlerError(code, `${name}: ${where}`);
}

function resolveHostKey(hostKey: string | undefined, places: Places): HostKeyPolicy {
  if (hostKey === 'accept-new') return { kind: 'accept-new', files: places.knownHostsFiles };
  if (hostKey === undefined || hostKey === 'known_hosts')
    return { kind: 'known-hosts', files: places.knownHostsFiles };
  return { kind: 'pinned', fingerprint: hostKey };
}
