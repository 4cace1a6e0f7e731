import { ChandlerError } from '../domain/failure.ts';
import { sh } from '../shell/index.ts';
import type { Executor } from '../ssh/executor.ts';
import { oldestVersion, parseVersion } from '../zmx/index.ts';
import { decodeText, pick, readOutcome, readPath, type Answer } from './answers.ts';
import type { HostFacts } from './facts.ts';
import { readPart } from './programs.ts';
import type { ZmxInstallation } from './zmx-installation.ts';

/** The host that gets a zmx. */
export interface ZmxHost {
  readonly executor: Executor;
  readonly facts: HostFacts;
  /** Puts a file on the host, whole or not at all. */
  readonly upload: (file: { path: string; content: Uint8Array; mode: number }) => Promise<void>;
  /** Where `zmx` is linked for people. Default: /usr/local/bin for root, ~/.local/bin otherwise. */
  readonly linkDir?: string;
  /** Abort gives up; what was begun on the host may be finished there. */
  readonly signal?: AbortSignal;
}

/** A zmx that the worker holds, as it is or in an archive. */
export interface ZmxContent {
  readonly source: 'release' | 'file' | 'tmux';
  /** The first part of its directory's name; its hash is the second. */
  readonly prefix: string;
  readonly kind: 'archive' | 'binary';
  readonly bytes: Uint8Array;
  /** Of `bytes`. */
  readonly sha256: string;
}

/** How the host's own try ended. `mismatch`: the archive is not the expected one, and was thrown away unopened. */
export type Pulled =
  | { readonly kind: 'installed'; readonly zmx: ZmxInstallation }
  | { readonly kind: 'mismatch'; readonly actual: string }
  | { readonly kind: 'unreachable'; readonly reason: string };

const WHAT = 'installing zmx';
const QUICK_MS = 60_000;
/** The host gives a download up after 300 s. */
const PULL_MS = 400_000;

/** Lets the host get the archive, unless it has that very one already. */
export async function pullZmx(host: ZmxHost, version: string, url: string, sha256: string): Promise<Pulled> {
  const answers = await ask(host, 'pull', keyOf(version, sha256), [url, sha256], PULL_MS);
  const actual = mismatch(answers);
  if (actual !== undefined) return { kind: 'mismatch', actual };
  const refused = answers.find((answer) => answer['pulled'] === 'no');
  if (refused) return { kind: 'unreachable', reason: decodeText(refused['text']) };
  return { kind: 'installed', zmx: toInstallation(answers, 'release') };
}

/** The zmx of the same content that the host has already. */
export async function findZmx(host: ZmxHost, content: ZmxContent): Promise<ZmxInstallation | undefined> {
  const { source, prefix, kind, sha256 } = content;
  const args = [kind, sha256, host.facts.zmx?.path ?? ''];
  const answers = await ask(host, 'find', keyOf(prefix, sha256), args, QUICK_MS);
  return pick(answers, 'zmx', WHAT)['zmx'] === '' ? undefined : toInstallation(answers, source);
}

/** Uploads a zmx and puts it in its place. `pullZmx` or `findZmx` has made the directory. */
export async function pushZmx(host: ZmxHost, content: ZmxContent): Promise<ZmxInstallation> {
  const { source, prefix, kind, bytes, sha256 } = content;
  const key = keyOf(prefix, sha256);
  const path = `${host.facts.stateDir}/zmx/.pushed.${key}`;
  await host.upload({ path, content: bytes, mode: 0o600 });
  const answers = await ask(host, 'take', key, [kind, path, sha256], QUICK_MS);
  // It was right when it left the worker.
  if (mismatch(answers) !== undefined) {
    throw new ChandlerError('connection-lost', `${WHAT}: the file arrived damaged`);
  }
  return toInstallation(answers, source);
}

async function ask(
  host: ZmxHost,
  subcommand: string,
  key: string,
  args: string[],
  timeoutMs: number,
): Promise<Answer[]> {
  const { stateDir, zmxDir } = host.facts;
  const command = sh(
    'sh',
    '-s',
    '--',
    stateDir,
    subcommand,
    zmxDir,
    host.linkDir ?? '',
    key,
    oldestVersion,
    ...args,
  );
  const outcome = await host.executor.exec(command, {
    stdin: `${readPart('common')}\n${readPart('install-zmx')}`,
    timeoutMs,
    ...(host.signal && { signal: host.signal }),
  });
  return readOutcome(outcome, WHAT);
}

function toInstallation(answers: Answer[], source: ZmxInstallation['source']): ZmxInstallation {
  const answer = pick(answers, 'zmx', WHAT);
  const version = parseVersion(decodeText(answer['version']))?.version;
  if (version === undefined)
    throw new ChandlerError('zmx-unavailable', `${WHAT}: it does not tell its version`);
  return {
    path: readPath(answer, 'zmx'),
    version,
    source: answer['was_there'] === 'yes' ? 'existing' : source,
  };
}

function mismatch(answers: Answer[]): string | undefined {
  return answers.find((answer) => answer['mismatch'] !== undefined)?.['mismatch'];
}

/** The name of a zmx's directory: its content tells it. */
export function keyOf(prefix: string, sha256: string): string {
  return `${prefix}-${sha256.slice(0, 12)}`;
}
