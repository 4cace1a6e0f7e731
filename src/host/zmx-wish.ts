import { compareVersions, oldestVersion, parseVersion } from '../zmx/index.ts';
import type { HostFacts } from './facts.ts';
import type { ZmxInstallation } from './zmx-installation.ts';

/**
 * `release`: an archive of zmx's author, its checksum pinned. `file`: one that the worker has. `tmux`: a shell program with
 * zmx's command line over the host's tmux.
 */
export type ZmxSourceName = 'release' | 'file' | 'tmux';

/** What a plan, or the worker's configuration, says about zmx. */
export interface ZmxSpec {
  /** Default: `file` if one is named, otherwise `release`. */
  readonly source?: ZmxSourceName | undefined;
  /** `0.7.0` */
  readonly version?: string | undefined;
  /** Of the archive, instead of the author's. */
  readonly url?: string | undefined;
  /** Of the archive (release) or of the file, 64 lower-case hex digits. */
  readonly sha256?: string | undefined;
  /** Name of a file that the worker has. */
  readonly file?: string | undefined;
}

/** Both of them together. */
export interface ZmxWish extends ZmxSpec {
  readonly source: ZmxSourceName;
  /** Somebody named the source; it is not just the default. */
  readonly explicit: boolean;
}

/**
 * The plan's word comes before the worker's. A hash belongs to the address, version or file that it was given with:
 * it is not carried over to another one.
 */
export function mergeSpecs(spec: ZmxSpec = {}, defaults: ZmxSpec = {}): ZmxWish {
  const named = namedSource(spec) ?? namedSource(defaults);
  const source = named ?? 'release';
  const inherited = source === (namedSource(defaults) ?? 'release') ? defaults : {};
  const own = spec.version !== undefined || spec.url !== undefined || spec.file !== undefined;
  return {
    source,
    explicit: named !== undefined,
    version: spec.version ?? (spec.url === undefined ? inherited.version : undefined),
    url: spec.url ?? (spec.version === undefined ? inherited.url : undefined),
    sha256: spec.sha256 ?? (own ? undefined : inherited.sha256),
    file: spec.file ?? inherited.file,
  };
}

/** A zmx that the host has already, if it will do for a release: new enough, and no shim where a release was named. */
export function usableZmx(facts: HostFacts, wish: ZmxWish): ZmxInstallation | undefined {
  const found = facts.zmx && parseVersion(facts.zmx.versionText);
  if (!facts.zmx?.path.startsWith('/') || !found) return undefined;
  if (compareVersions(found.version, wantedVersion(wish)) < 0) return undefined;
  if (found.shim && wish.explicit) return undefined;
  return { path: facts.zmx.path, version: found.version, source: 'existing' };
}

/** Why a zmx that the host has already is not used, if it is too old. */
export function tooOld(facts: HostFacts, wish: ZmxWish): string | undefined {
  const found = facts.zmx && parseVersion(facts.zmx.versionText);
  if (!facts.zmx || !found || compareVersions(found.version, wantedVersion(wish)) >= 0) return undefined;
  return `the host's own, ${facts.zmx.path}, is ${found.version} and would have to be ${wantedVersion(wish)} or newer`;
}

function wantedVersion(wish: ZmxWish): string {
  return wish.version ?? oldestVersion;
}

function namedSource(spec: ZmxSpec): ZmxSourceName | undefined {
  return spec.source ?? (spec.file === undefined ? undefined : 'file');
}
