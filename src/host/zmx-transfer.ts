import { ChandlerError } from '../domain/run/failure.ts';
import { sh } from '../shell/index.ts';
import { ask as askHost } from '../ssh/call.ts';
import type { Executor } from '../ssh/executor.ts';
import type { Answer } from '../ssh/frames.ts';
import { upload } from '../ssh/upload.ts';
import { oldestVersion, parseVersion } from '../zmx/index.ts';
import { decodeText, requireAnswer, readPath } from './read-answer.ts';
import type { HostFacts } from './host-facts.ts';
import { readPart } from './programs.ts';
import type { ZmxInstallation } from './zmx-installation.ts';
import type { ZmxSourceName } from './zmx-source-name.ts';

/** The host on which to install zmx. */
export interface ZmxHost {
  readonly executor: Executor;
  readonly facts: HostFacts;
  /** The directory of the link `zmx` for people. Default: /usr/local/bin for root, ~/.local/bin otherwise. */
  readonly linkDir?: string;
  /** An abort ends the wait; the host may still finish what it has begun. */
  readonly signal?: AbortSignal | undefined;
}

/** A zmx that the worker has, as a program or in an archive. */
export interface ZmxContent {
  readonly source: ZmxSourceName;
  /** The first part of the directory's name; the hash is the second. */
  readonly prefix: string;
  readonly kind: 'archive' | 'binary';
  readonly bytes: Uint8Array;
  /** Hash of `bytes`. */
  readonly sha256: string;
}

/** How the host's own download ended. `mismatch`: the archive is not the expected one and was not unpacked. */
export type Pulled =
  | { readonly kind: 'installed'; readonly zmx: ZmxInstallation }
  | { readonly kind: 'mismatch'; readonly actual: string }
  | { readonly kind: 'unreachable'; readonly reason: string };

const WHAT = 'installing zmx';
const QUICK_MS = 60_000;
/** The host aborts a download after 300 s. */
const PULL_MS = 400_000;

/** Makes the host fetch the archive, unless it has it already. */
export async function pullZmx(host: ZmxHost, version: string, url: string, sha256: string): Promise<Pulled> {
  const answers = await ask(host, 'pull', keyOf(version, sha256), [url, sha256], PULL_MS);
  const actual = mismatch(answers);
  if (actual !== undefined) return { kind: 'mismatch', actual };
  const refused = answers.find((answer) => answer['pulled'] === 'no');
  if (refused) return { kind: 'unreachable', reason: decodeText(refused['text']) };
  return { kind: 'installed', zmx: toInstallation(answers, 'release') };
}

export async function findZmx(host: ZmxHost, content: ZmxContent): Promise<ZmxInstallation | undefined> {
  const { source, prefix, kind, sha256 } = content;
  const args = [kind, sha256, host.facts.zmx?.path ?? ''];
  const answers = await ask(host, 'find', keyOf(prefix, sha256), args, QUICK_MS);
  return requireAnswer(answers, 'zmx', WHAT)['zmx'] === '' ? undefined : toInstallation(answers, source);
}

/** Uploads and installs a zmx. `pullZmx` or `findZmx` has created the directory. */
export async function pushZmx(host: ZmxHost, content: ZmxContent): Promise<ZmxInstallation> {
  const { source, prefix, kind, bytes, sha256 } = content;
  const key = keyOf(prefix, sha256);
  const path = `${host.facts.stateDir}/zmx/.pushed.${key}`;
  await upload(host.executor, [{ path, content: bytes }], host.signal);
  const answers = await ask(host, 'take', key, [kind, path, sha256], QUICK_MS);
  if (mismatch(answers) !== undefined) {
    throw new ChandlerError('connection-lost', `${WHAT}: the file arrived damaged`);
  }
  return toInstallation(answers, source);
}

/** Does `findZmx` and `pushZmx` for a zmx that is a shell program, in one call. */
export async function placeZmx(host: ZmxHost, content: ZmxContent): Promise<ZmxInstallation> {
  const { source, prefix, bytes, sha256 } = content;
  const pushed = `pushed() {\ncat <<'END ${sha256}'\n${Buffer.from(bytes).toString()}END ${sha256}\n}\n${readPart('place-zmx')}`;
  const args = [sha256, host.facts.zmx?.path ?? ''];
  return toInstallation(await ask(host, 'place', keyOf(prefix, sha256), args, QUICK_MS, pushed), source);
}

async function ask(
  host: ZmxHost,
  subcommand: string,
  key: string,
  args: string[],
  timeoutMs: number,
  more = '',
): Promise<readonly Answer[]> {
  const { stateDir, zmxDir } = host.facts;
  const words = [stateDir, subcommand, zmxDir, host.linkDir ?? '', key, oldestVersion, ...args];
  return askHost(host.executor, WHAT, (token) => sh('sh', '-s', '--', token, ...words), {
    stdin: `${readPart('common')}\n${more}${readPart('install-zmx')}`,
    timeoutMs,
    isShortUntil: timeoutMs === QUICK_MS ? 'end' : undefined,
    signal: host.signal,
  });
}

function toInstallation(answers: readonly Answer[], source: ZmxInstallation['source']): ZmxInstallation {
  const answer = requireAnswer(answers, 'zmx', WHAT);
  const version = parseVersion(decodeText(answer['version']))?.version;
  if (version === undefined) throw new ChandlerError('zmx-unavailable', `${WHAT}: it reports no version`);
  return {
    path: readPath(answer, 'zmx'),
    version,
    source: answer['was_there'] === 'yes' ? 'existing' : source,
  };
}

function mismatch(answers: readonly Answer[]): string | undefined {
  return answers.find((answer) => answer['mismatch'] !== undefined)?.['mismatch'];
}

/** The name of a zmx's directory. */
export function keyOf(prefix: string, sha256: string): string {
  return `${prefix}-${sha256.slice(0, 12)}`;
}
