import { isUtf8 } from 'node:buffer';
import { realpathSync } from 'node:fs';
import { isAbsolute, join, resolve, sep } from 'node:path';
import { ChandlerError, messageOf, type FailureCode } from '../domain/run/failure.ts';
import { isFileVariable } from '../domain/plan/files.ts';
import { limits } from '../domain/plan/limits.ts';
import type { Target } from '../domain/plan/schema.ts';
import type { ClientIdentities, ClientTarget } from '../ssh/client-command.ts';
import { makeDirectoryOf } from '../ssh/host-key.ts';
import type { HostKeyPolicy, ResolvedAuth, ResolvedTarget } from '../ssh/resolved-target.ts';
import type { Places } from './config.ts';
import { learnedHostsFile } from './learned-hosts.ts';
import { readRegularFile, whyNotRegular } from './read-regular-file.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** The directories that hold one kind of file, and the failure if such a file cannot be read. */
interface Shelf {
  readonly dirs: readonly string[];
  readonly setting: string;
  readonly code: FailureCode;
  readonly maxBytes: number;
}

const DEFAULT_IDENTITIES = ['id_ed25519', 'id_ecdsa', 'id_rsa'];
/** In bytes. A private key of 16 384 bits has 13 KB. */
export const MAX_KEY_BYTES = 64 * 1024;
/** In bytes. Linux starts no program with a longer variable. */
const MAX_SECRET_BYTES = 128 * 1024;
/** In bytes. zmx has 1 to 10 MB. */
const MAX_ZMX_BYTES = 64 * 1024 * 1024;

/**
 * Reads what a plan's target names, from the worker's places only. `read` reads the file of a private key.
 *
 * @throws ChandlerError identity-unavailable, host-key-unknown
 */
export async function resolveTarget(
  target: Target,
  places: Places,
  read = readRegularFile,
): Promise<ResolvedTarget> {
  const before = hopBefore(target);
  return {
    ...loginOf(target),
    hostKey: resolveHostKey(target, places),
    auth: await findIdentity(target.identity, places, read).catch(adviseAsIn(places)),
    jump: before && (await resolveTarget(before, places, read)),
  };
}

/**
 * Like {@link resolveTarget}, but for ssh on this machine, which reads the keys itself and offers all of them if the plan names
 * none.
 */
export async function locateTarget(target: Target, places: Places): Promise<ClientTarget> {
  // Absolute paths, so that a copied command works in any directory.
  const here = { ...places, knownHostsFiles: places.knownHostsFiles.map((file) => resolve(file)) };
  const hostKey = resolveHostKey(target, here);
  const before = hopBefore(target);
  // ssh records a new key only if the directory exists.
  if (hostKey.kind === 'accept-new') hostKey.files.slice(0, 1).forEach(makeDirectoryOf);
  return {
    ...loginOf(target),
    hostKey,
    identities: await locateIdentities(target.identity, places),
    jump: before && (await locateTarget(before, places)),
  };
}

/** The last jump host, which is reached through those before it. */
function hopBefore({ jump = [] }: Target): Target | undefined {
  const last = jump.at(-1);
  return last && { ...last, jump: jump.slice(0, -1) };
}

/** Reads the values of a step's secrets. @throws ChandlerError secret-unavailable; it never contains a value */
export async function resolveSecrets(
  references: Readonly<Record<string, string>>,
  places: Places,
  env: Environment,
): Promise<Record<string, string>> {
  const values = Object.entries(references).map(
    async ([name, reference]) =>
      [name, await readSecret(reference, places, env, isFileVariable(name))] as const,
  );
  return Object.fromEntries(await Promise.all(values));
}

/** A binary of the worker's zmx directory. @throws ChandlerError zmx-unavailable */
export async function readZmxFile(name: string, places: Places): Promise<Uint8Array> {
  return readInside(name, {
    dirs: dirsOf(places.zmxDir),
    setting: 'CHANDLER_ZMX_DIR',
    code: 'zmx-unavailable',
    maxBytes: MAX_ZMX_BYTES,
  });
}

/** A file that plans may place on hosts. @throws ChandlerError file-unavailable */
export async function readWorkerFile(name: string, places: Places): Promise<Uint8Array> {
  return readInside(name, {
    dirs: dirsOf(places.filesDir),
    setting: 'CHANDLER_FILES_DIR',
    code: 'file-unavailable',
    maxBytes: limits.workerFileBytes,
  }).catch(adviseAsIn(places));
}

/** `isFile`: the value is the content of a file, which must be exact. */
async function readSecret(
  reference: string,
  places: Places,
  env: Environment,
  isFile: boolean,
): Promise<string> {
  const value = await lookUp(reference, places, env, isFile).catch(adviseAsIn(places));
  if (value.includes('\0'))
    throw new ChandlerError(
      'secret-unavailable',
      `${reference} contains a NUL byte, which no variable can hold`,
    );
  return value;
}

async function lookUp(reference: string, places: Places, env: Environment, isFile: boolean): Promise<string> {
  const [kind, name = ''] = reference.split(/:(.*)/s);
  if (kind === 'env') {
    const prefix = places.secretsPrefix;
    if (prefix === undefined)
      throw new ChandlerError('secret-unavailable', `${reference}: this worker reads no secrets`);
    const value = env[`${prefix}${name}`];
    if (value !== undefined) return value;
    throw new ChandlerError('secret-unavailable', `the worker has no variable ${prefix}${name}`);
  }
  const bytes = await readInside(name, {
    dirs: dirsOf(places.secretsDir),
    setting: 'CHANDLER_SECRETS_DIR',
    code: 'secret-unavailable',
    maxBytes: MAX_SECRET_BYTES,
  });
  // Editors and echo add a line end.
  if (!isFile) return bytes.toString('utf8').replace(/\r?\n$/, '');
  if (!isUtf8(bytes)) throw new ChandlerError('secret-unavailable', `${reference} is not UTF-8 text`);
  return bytes.toString('utf8');
}

function adviseAsIn(places: Places): (error: unknown) => never {
  return (error) => {
    const advice = error instanceof ChandlerError ? places.advice?.[error.code] : undefined;
    if (!(error instanceof ChandlerError) || advice === undefined) throw error;
    throw new ChandlerError(error.code, error.message, { cause: error, facts: { ...error.facts, advice } });
  };
}

async function findIdentity(
  identity: string | undefined,
  places: Places,
  read: typeof readRegularFile,
): Promise<ResolvedAuth> {
  if (identity === 'agent') return agent(places);
  if (identity !== undefined) return readKey(identity, places, read);
  if (places.agentSocket !== undefined) return agent(places);
  for (const name of DEFAULT_IDENTITIES) {
    const key = await readKey(name, places, read).catch(ignoreUnavailable);
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
  const identities = identitiesOf(places);
  if (identity !== undefined) return { files: [await findInside(identity, identities)], agent: 'same' };
  const found = await Promise.all(
    DEFAULT_IDENTITIES.map((name) => findInside(name, identities).catch(ignoreUnavailable)),
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

async function readKey(name: string, places: Places, read: typeof readRegularFile): Promise<ResolvedAuth> {
  const identities = identitiesOf(places);
  const bytes = await readInside(name, identities, read);
  const certificate = `${name}-cert.pub`;
  const found = await findInside(certificate, identities).catch(ignoreUnavailable);
  return {
    kind: 'key',
    privateKey: bytes.toString('utf8'),
    source: name,
    certificate: found && certificate,
  };
}

function ignoreUnavailable(error: unknown): undefined {
  if (error instanceof ChandlerError && error.code === 'identity-unavailable') return undefined;
  throw error;
}

async function readInside(name: string, shelf: Shelf, read = readRegularFile): Promise<Buffer> {
  const path = await findInside(name, shelf);
  return read(path, shelf.maxBytes).catch((error: unknown) => {
    throw new ChandlerError(shelf.code, `cannot read ${name}: ${messageOf(error)}`);
  });
}

/** The path of a regular file in one of the directories. Neither `..` nor a symbolic link can leave them. */
async function findInside(name: string, { dirs, setting, code }: Shelf): Promise<string> {
  for (const dir of dirs) {
    const root = realPath(dir);
    const path = root && realPath(isAbsolute(name) ? name : join(root, name));
    if (!path?.startsWith(root + sep)) continue;
    const reason = whyNotRegular(path);
    if (reason === undefined) return path;
    throw new ChandlerError(code, `cannot read ${name}: ${reason}`);
  }
  const where = dirs.length === 0 ? `${setting} is not set` : `not a file in ${dirs.join(', ')} (${setting})`;
  throw new ChandlerError(code, `${name}: ${where}`);
}

/** Undefined for what does not exist. Synchronous: each activity asks, and Node's file threads cost ten times as much. */
function realPath(path: string): string | undefined {
  try {
    return realpathSync.native(path);
  } catch {
    return undefined;
  }
}

function identitiesOf({ identityDirs: dirs }: Places): Shelf {
  return { dirs, setting: 'CHANDLER_IDENTITIES', code: 'identity-unavailable', maxBytes: MAX_KEY_BYTES };
}

function dirsOf(dir: string | undefined): string[] {
  return dir === undefined ? [] : [dir];
}

function loginOf({ host, port = 22, user = 'root' }: Target) {
  return { host, port, user };
}

function resolveHostKey(target: Target, places: Places): HostKeyPolicy {
  const { hostKey = 'known_hosts' } = target;
  const files = places.knownHostsFiles;
  if (hostKey === 'known_hosts') return { kind: 'known-hosts', files };
  if (hostKey !== 'accept-new') return { kind: 'pinned', fingerprint: hostKey };
  if (!places.acceptNew) {
    const message = `hostKey: accept-new of ${target.host} is forbidden on this worker (CHANDLER_ALLOW_ACCEPT_NEW=false)`;
    const advice =
      "Record the host's key in the worker's known_hosts (ssh-keyscan, then compare the fingerprint), or pin it with hostKey: SHA256:….";
    throw new ChandlerError('host-key-unknown', message, { facts: { advice } });
  }
  const [first] = files;
  return {
    kind: 'accept-new',
    files: first === undefined ? [] : [learnedHostsFile(first, target.jump), ...files],
  };
}
