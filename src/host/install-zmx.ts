import { ChandlerError, reasonOf } from '../domain/failure.ts';
import { loadShim, releaseFor, type ZmxRelease } from '../zmx/index.ts';
import type { HostFacts } from './facts.ts';
import { sha256Of } from './sha256.ts';
import type { ZmxInstallation } from './zmx-installation.ts';
import { findZmx, pullZmx, pushZmx, type ZmxContent, type ZmxHost } from './zmx-transfer.ts';
import { mergeSpecs, tooOld, usableZmx, type ZmxSpec, type ZmxWish } from './zmx-wish.ts';

/** Where a zmx may come from. */
export interface ZmxSource extends Pick<ZmxHost, 'linkDir' | 'signal'> {
  /** What the plan says. */
  readonly spec?: ZmxSpec;
  /** The worker's configuration, for what the plan leaves open. */
  readonly defaults?: ZmxSpec;
  /** Reads a file of the worker's, for `source: file`. */
  readonly readFile?: (name: string) => Promise<Uint8Array>;
  /** Gets an archive for a host that can't reach it; given up after 60 s. Default: fetch. */
  readonly fetchArchive?: (url: string, signal: AbortSignal) => Promise<Uint8Array>;
}

type Deps = ZmxSource & ZmxHost;

const FETCH_MS = 60_000;

/**
 * Makes sure that a zmx answers on the host, and tells where it is. What is there and good enough is used, never replaced.
 *
 * @throws ChandlerError zmx-unavailable, zmx-checksum, host-unsupported, invalid-input, disk-full,
 *   state-directory-unwritable, connection-lost; or what `upload` and the executor throw
 */
export async function installZmx(deps: Deps): Promise<ZmxInstallation> {
  const wish = mergeSpecs(deps.spec, deps.defaults);
  if (wish.source === 'file') return pushUnlessThere(deps, await fileContent(deps, wish));
  if (wish.source === 'tmux') return pushUnlessThere(deps, shimContent(deps.facts));
  return usableZmx(deps.facts, wish) ?? installRelease(deps, wish);
}

async function installRelease(deps: Deps, wish: ZmxWish): Promise<ZmxInstallation> {
  const { version, url, sha256 } = wantedRelease(deps.facts, wish);
  const pulled = await pullZmx(deps, version, url, sha256);
  if (pulled.kind === 'installed') return pulled.zmx;
  if (pulled.kind === 'mismatch') throw checksumError(url, sha256, pulled.actual);
  const old = tooOld(deps.facts, wish);
  const bytes = await fetchOnWorker(
    deps,
    url,
    `the host: ${pulled.reason}${old === undefined ? '' : ` (${old})`}`,
  );
  const actual = sha256Of(bytes);
  if (actual !== sha256) throw checksumError(url, sha256, actual);
  return pushZmx(deps, { source: 'release', prefix: version, kind: 'archive', bytes, sha256 });
}

/** The archive that a host is to get. @throws ChandlerError as {@link releaseFor} */
export function wantedRelease({ arch }: HostFacts, wish: ZmxWish): ZmxRelease {
  return releaseFor({
    arch,
    ...(wish.version !== undefined && { version: wish.version }),
    ...(wish.url !== undefined && { url: wish.url }),
    ...(wish.sha256 !== undefined && { sha256: wish.sha256 }),
  });
}

async function fetchOnWorker(deps: Deps, url: string, hostReason: string): Promise<Uint8Array> {
  const timeout = AbortSignal.timeout(FETCH_MS);
  const signal = deps.signal ? AbortSignal.any([deps.signal, timeout]) : timeout;
  try {
    return await (deps.fetchArchive ?? fetchArchive)(url, signal);
  } catch (error) {
    deps.signal?.throwIfAborted();
    const message = `nobody could get zmx from ${url}: ${hostReason}; the worker: ${reasonOf(error)}`;
    throw new ChandlerError('zmx-unavailable', message, {
      cause: error,
      facts: {
        advice: 'Set zmx.source: tmux or file, or give in zmx.url an address that host or worker can reach.',
      },
    });
  }
}

/** A zmx of the worker's. @throws ChandlerError invalid-input, zmx-unavailable, zmx-checksum */
export async function fileContent(source: ZmxSource, wish: ZmxWish): Promise<ZmxContent> {
  const name = wish.file;
  if (name === undefined) {
    throw new ChandlerError('invalid-input', 'zmx.source: file needs zmx.file (or CHANDLER_ZMX_FILE)');
  }
  const bytes = await readWorkerFile(source, name);
  const sha256 = sha256Of(bytes);
  if (wish.sha256 !== undefined && wish.sha256 !== sha256) throw checksumError(name, wish.sha256, sha256);
  // People keep the archive just as they got it (gzip).
  const kind = bytes[0] === 0x1f && bytes[1] === 0x8b ? 'archive' : 'binary';
  return { source: 'file', prefix: 'file', kind, bytes, sha256 };
}

async function readWorkerFile(deps: ZmxSource, name: string): Promise<Uint8Array> {
  if (!deps.readFile) throw new ChandlerError('zmx-unavailable', `nothing here reads the zmx file ${name}`);
  try {
    return await deps.readFile(name);
  } catch (error) {
    if (error instanceof ChandlerError) throw error;
    throw new ChandlerError('zmx-unavailable', `cannot read the zmx file ${name}: ${reasonOf(error)}`, {
      cause: error,
    });
  }
}

/** The shim, for a host that has a tmux. @throws ChandlerError zmx-unavailable */
export function shimContent(facts: HostFacts): ZmxContent {
  if (!facts.tools.includes('tmux')) {
    throw new ChandlerError('zmx-unavailable', 'zmx.source is tmux, and the host has no tmux', {
      facts: {
        advice: 'Run `apt-get install tmux` (Alpine: `apk add tmux`) on the host, then start the run again.',
      },
    });
  }
  const { content, sha256 } = loadShim();
  return { source: 'tmux', prefix: 'tmux', kind: 'binary', bytes: content, sha256 };
}

async function pushUnlessThere(deps: Deps, content: ZmxContent): Promise<ZmxInstallation> {
  return (await findZmx(deps, content)) ?? pushZmx(deps, content);
}

function checksumError(what: string, expected: string, actual: string): ChandlerError {
  const message = `${what} has the sha256 ${actual}, expected is ${expected}; it was not unpacked and not run`;
  return new ChandlerError('zmx-checksum', message, {
    facts: {
      advice:
        'Check zmx.url. If the file is the right one, give its hash: zmx.sha256 in the plan, or CHANDLER_ZMX_SHA256 on the worker.',
    },
  });
}

async function fetchArchive(url: string, signal: AbortSignal): Promise<Uint8Array> {
  const response = await fetch(url, { signal });
  if (!response.ok) throw new Error(`HTTP status ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}
