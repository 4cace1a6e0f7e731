import { join } from 'node:path';
import { ask, type Env } from './ask-program.ts';

const DEFAULT_INDEX = 'https://pypi.org/simple';
const PIPS = [['pip3'], ['pip'], ['python3', '-m', 'pip']] as const;

/** The settings in pip's variables; only {@link pipDownload} reads its configuration files. */
export function pipSettings(env: Env) {
  const words = (name: string) => (env[name] ?? '').split(/\s+/).filter(Boolean);
  const [first = DEFAULT_INDEX] = words('PIP_INDEX_URL');
  const noIndex = /^(1|true|yes|on)$/i.test(env['PIP_NO_INDEX'] ?? '');
  return {
    indexUrls: noIndex ? [] : [first, ...words('PIP_EXTRA_INDEX_URL')],
    wheelDirs: words('PIP_FIND_LINKS')
      .filter((place) => !/^https?:/.test(place))
      .map((place) => place.replace(/^file:\/\//, '')),
  };
}

/** Fetches the wheel with pip, which knows indexes, proxies and certificates that are not in the environment. Returns the file's path. */
export async function pipDownload(options: {
  readonly requirement: string;
  readonly file: string;
  readonly dir: string;
  readonly env: Env;
  readonly signal?: AbortSignal | undefined;
}): Promise<string> {
  const { env, signal } = options;
  const args = ['download', '--no-deps', '--only-binary=:all:', '--dest', options.dir, options.requirement];
  const reasons: string[] = [];
  for (const [program, ...prefix] of PIPS) {
    const answer = await ask(program, [...prefix, ...args], { env, timeoutMs: 300_000, signal });
    if (answer.ok) return join(options.dir, options.file);
    if (answer.code !== 'ENOENT') throw new Error(`${[program, ...prefix].join(' ')}: ${answer.reason}`);
    reasons.push(program);
  }
  throw new Error(`no ${reasons.join(', ')} on this machine`);
}
