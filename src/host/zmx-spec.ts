import { compareVersions, oldestVersion, parseVersion } from '../zmx/index.ts';
import type { HostFacts } from './host-facts.ts';
import type { ZmxInstallation } from './zmx-installation.ts';
import type { ZmxSourceName } from './zmx-source-name.ts';

/** The zmx settings of a plan, or of the worker's configuration. */
export interface ZmxSpec {
  /** Default: `file` if `file` is set, otherwise `release`. */
  readonly source?: ZmxSourceName | undefined;
  /** `0.7.0` */
  readonly version?: string | undefined;
  /** URL of the archive, if not the author's. */
  readonly url?: string | undefined;
  /** Hash of the archive (release) or the file, 64 lower-case hex digits. */
  readonly sha256?: string | undefined;
  /** Name of a file of the worker. */
  readonly file?: string | undefined;
}

/** The settings of plan and worker, merged. */
export interface ZmxChoice extends ZmxSpec {
  readonly source: ZmxSourceName;
  /** Whether the source was set explicitly. */
  readonly explicit: boolean;
}

/**
 * Merges the settings; those of the plan override. A hash belongs to the URL, version or file with which it was set, and is not
 * used for another one.
 */
export function mergeSpecs(spec: ZmxSpec = {}, defaults: ZmxSpec = {}): ZmxChoice {
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

/** The host's own zmx, if it can replace a release: new enough, and no shim if a release was requested. */
export function usableZmx(facts: HostFacts, choice: ZmxChoice): ZmxInstallation | undefined {
  const found = facts.zmx && parseVersion(facts.zmx.versionText);
  if (!facts.zmx?.path.startsWith('/') || !found) return undefined;
  if (compareVersions(found.version, wantedVersion(choice)) < 0) return undefined;
  if (found.shim && choice.explicit) return undefined;
  return { path: facts.zmx.path, version: found.version, source: 'existing' };
}

/** Why the host's own zmx is not used, if it is too old. */
export function tooOld(facts: HostFacts, choice: ZmxChoice): string | undefined {
  const found = facts.zmx && parseVersion(facts.zmx.versionText);
  if (!facts.zmx || !found || compareVersions(found.version, wantedVersion(choice)) >= 0) return undefined;
  return `the host's own, ${facts.zmx.path}, is ${found.version}; it must be ${wantedVersion(choice)} or newer`;
}

function wantedVersion(choice: ZmxChoice): string {
  return choice.version ?? oldestVersion;
}

function namedSource(spec: ZmxSpec): ZmxSourceName | undefined {
  return spec.source ?? (spec.file === undefined ? undefined : 'file');
}
