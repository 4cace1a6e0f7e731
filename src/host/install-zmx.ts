import { setTimeout as delay } from 'node:timers/promises';
import { boundedText } from '../domain/text/bounded-text.ts';
import { ChandlerError, reasonOf } from '../domain/run/failure.ts';
import { oneLine } from '../domain/text/plain-text.ts';
import { loadShim, releaseFor, releasePlaces, type ZmxRelease } from '../zmx/index.ts';
import type { HostFacts } from './host-facts.ts';
import { fetchArchive, ForbiddenPlace } from './fetch-archive.ts';
import { sha256Of } from './sha256.ts';
import type { ZmxInstallation } from './zmx-installation.ts';
import { findZmx, placeZmx, pullZmx, pushZmx, type ZmxContent, type ZmxHost } from './zmx-transfer.ts';
import { mergeSpecs, tooOld, usableZmx, type ZmxSpec, type ZmxChoice } from './zmx-spec.ts';

/** Where a host's zmx may come from. */
export interface ZmxSource extends Pick<ZmxHost, 'linkDir'> {
  readonly spec?: ZmxSpec;
  /** The worker's settings, for those that the plan leaves out. */
  readonly defaults?: ZmxSpec;
  /** Reads a file of the worker, for `source: file`. */
  readonly readFile?: (name: string) => Promise<Uint8Array>;
  /** URL prefixes from which the worker may fetch an archive. Default: the sites of zmx's releases. */
  readonly urls?: readonly string[];
  /** Fetches an archive for a host that cannot do so; cancelled after 60 s. Default: over HTTP. */
  readonly fetchArchive?: (
    url: string,
    allowed: readonly string[],
    signal: AbortSignal,
  ) => Promise<Uint8Array>;
  /** Called after a failed download, before the pause. */
  readonly onRetry?: (retry: ZmxRetry) => void;
}

/** A failed download that will be retried. */
export interface ZmxRetry {
  /** Why it failed, as the host or the worker reported it. */
  readonly downloadFailed: string;
  /** Failed attempts so far, of the host and the worker together. */
  readonly attempts: number;
  readonly retryInMs: number;
}

type Deps = ZmxSource & ZmxHost;

const FETCH_MS = 60_000;
/** For the host and the worker together; the pauses double and add up to 15 s. */
const MAX_ATTEMPTS = 5;
const FIRST_PAUSE_MS = 1000;
const MAX_REASON_LENGTH = 300;
/** The last download starts within this time after the first. */
const RETRY_WITHIN_MS = 60_000;
/** Failures of a release server that may pass by themselves. */
const PASSING =
  /\b(408|429|5\d\d)\b|broke|reset|closed|premature|terminated|partial|empty reply|short read|read error|end of file|too slow|\((18|52|56|92)\)/i;

/**
 * Makes sure that zmx works on the host. Uses the host's own if it is new enough; never replaces one.
 *
 * @throws ChandlerError zmx-unavailable, zmx-checksum, host-unsupported, invalid-input, disk-full, state-directory-unwritable,
 * connection-lost; or what the executor throws
 */
export async function installZmx(deps: Deps): Promise<ZmxInstallation> {
  const choice = mergeSpecs(deps.spec, deps.defaults);
  if (choice.source === 'file') {
    const content = await fileContent(deps, choice);
    return (await findZmx(deps, content)) ?? pushZmx(deps, content);
  }
  if (choice.source === 'tmux') return placeZmx(deps, shimContent(deps.facts));
  return usableZmx(deps.facts, choice) ?? installRelease(deps, choice);
}

/** Like {@link installZmx}, if nothing must be downloaded and no large file must be sent; otherwise undefined. */
export async function installLocalZmx(deps: Deps): Promise<ZmxInstallation | undefined> {
  const choice = mergeSpecs(deps.spec, deps.defaults);
  if (choice.source === 'tmux' && deps.facts.tools.includes('tmux'))
    return placeZmx(deps, shimContent(deps.facts));
  return choice.source === 'release' ? usableZmx(deps.facts, choice) : undefined;
}

/** Checks the worker's zmx file if `source` is `file`. @throws ChandlerError zmx-unavailable, zmx-checksum, invalid-input */
export async function checkZmxFile(source: ZmxSource): Promise<void> {
  const choice = mergeSpecs(source.spec, source.defaults);
  if (choice.source === 'file') await fileContent(source, choice);
}

async function installRelease(deps: Deps, choice: ZmxChoice): Promise<ZmxInstallation> {
  const { version, url, sha256 } = wantedRelease(deps.facts, choice);
  const pauses = downloadPauses(deps);
  let pulled = await pullZmx(deps, version, url, sha256);
  while (pulled.kind === 'unreachable' && (await pauses(`the host: ${pulled.reason}`)))
    pulled = await pullZmx(deps, version, url, sha256);
  if (pulled.kind === 'installed') return pulled.zmx;
  if (pulled.kind === 'mismatch') throw checksumError(url, sha256, pulled.actual);
  const old = tooOld(deps.facts, choice);
  const bytes = await fetchOnWorker(
    deps,
    url,
    `the host: ${pulled.reason}${old === undefined ? '' : ` (${old})`}`,
    pauses,
  );
  // The message must not describe a file that the plan's author perhaps may not read.
  if (sha256Of(bytes) !== sha256) throw checksumError(url, sha256);
  return pushZmx(deps, { source: 'release', prefix: version, kind: 'archive', bytes, sha256 });
}

/** The archive for a host. @throws ChandlerError as {@link releaseFor} */
export function wantedRelease({ arch }: HostFacts, choice: ZmxChoice): ZmxRelease {
  const { version, url, sha256 } = choice;
  return releaseFor({ arch, version, url, sha256 });
}

/** Returns a function that pauses before the next download; false if the failure is permanent or the limit is reached. */
function downloadPauses({ onRetry, signal }: Deps): (reason: string) => Promise<boolean> {
  const lastMs = Date.now() + RETRY_WITHIN_MS;
  let attempts = 0;
  return async (reason) => {
    if (!PASSING.test(reason)) return false;
    const retryInMs = FIRST_PAUSE_MS * 2 ** attempts;
    attempts += 1;
    if (attempts >= MAX_ATTEMPTS || Date.now() + retryInMs > lastMs) return false;
    onRetry?.({ downloadFailed: boundedText(oneLine(reason), MAX_REASON_LENGTH), attempts, retryInMs });
    await delay(retryInMs, undefined, signal && { signal });
    return true;
  };
}

async function fetchOnWorker(
  deps: Deps,
  url: string,
  hostReason: string,
  pauses: (reason: string) => Promise<boolean>,
): Promise<Uint8Array> {
  const timeout = AbortSignal.timeout(FETCH_MS);
  const signal = deps.signal ? AbortSignal.any([deps.signal, timeout]) : timeout;
  const own = deps.defaults?.url;
  const allowed = [...(deps.urls ?? releasePlaces), ...(own === undefined ? [] : [own])];
  try {
    return await (deps.fetchArchive ?? fetchArchive)(url, allowed, signal);
  } catch (error) {
    deps.signal?.throwIfAborted();
    const isForbidden = error instanceof ForbiddenPlace;
    if (!isForbidden && (await pauses(`the worker: ${reasonOf(error)}`)))
      return fetchOnWorker(deps, url, hostReason, pauses);
    const message = `cannot fetch zmx from ${url}: ${hostReason}; the worker: ${reasonOf(error)}`;
    throw new ChandlerError('zmx-unavailable', message, {
      cause: error,
      facts: {
        advice: isForbidden
          ? 'Set zmx.source: tmux or file, let the host reach the address, or add it to CHANDLER_ZMX_URLS on the worker.'
          : 'Set zmx.source: tmux or file, or set zmx.url to an address that the host or the worker can reach.',
      },
    });
  }
}

/** The worker's zmx file. @throws ChandlerError invalid-input, zmx-unavailable, zmx-checksum */
export async function fileContent(source: ZmxSource, choice: ZmxChoice): Promise<ZmxContent> {
  const name = choice.file;
  if (name === undefined) {
    throw new ChandlerError('invalid-input', 'zmx.source: file needs zmx.file (or CHANDLER_ZMX_FILE)');
  }
  const bytes = await readWorkerFile(source, name);
  const sha256 = sha256Of(bytes);
  if (choice.sha256 !== undefined && choice.sha256 !== sha256)
    throw checksumError(name, choice.sha256, sha256);
  // The file may be the downloaded archive (gzip).
  const kind = bytes[0] === 0x1f && bytes[1] === 0x8b ? 'archive' : 'binary';
  return { source: 'file', prefix: 'file', kind, bytes, sha256 };
}

async function readWorkerFile(deps: ZmxSource, name: string): Promise<Uint8Array> {
  if (!deps.readFile) throw new ChandlerError('zmx-unavailable', `cannot read the zmx file ${name} here`);
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
        advice: 'Run `apt-get install tmux` (Alpine: `apk add tmux`) on the host.',
      },
    });
  }
  const { content, sha256 } = loadShim();
  return { source: 'tmux', prefix: 'tmux', kind: 'binary', bytes: content, sha256 };
}

function checksumError(what: string, expected: string, actual?: string): ChandlerError {
  const has = actual === undefined ? 'has another sha256' : `has the sha256 ${actual}`;
  const message = `${what} ${has}, expected ${expected}; it was neither unpacked nor run`;
  return new ChandlerError('zmx-checksum', message, {
    facts: {
      advice:
        'Check zmx.url. If the file is the right one, set its hash: zmx.sha256 in the plan, or CHANDLER_ZMX_SHA256 on the worker.',
    },
  });
}
