import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { ask } from './ask-program.ts';
import { download, request } from './download.ts';
import type { FetchOptions } from './wheel.ts';

/** Short, because a closed network costs this time. */
const INFO_ANSWER_MS = 2500;
const ARCHIVE_ANSWER_MS = 10_000;
const UNPACK_MS = 120_000;
const ARCHES: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };

/**
 * Downloads the official archive as the SDK's `cached-download` does (sdk-core, ephemeral_server/mod.rs), which offers no download
 * without a start. As there, only TLS protects the archive. Returns the path of the unpacked program.
 */
export async function fetchArchive(options: FetchOptions & { readonly infoUrl: string }): Promise<string> {
  const { release, dir, announce, signal } = options;
  const arch = ARCHES[process.arch];
  if (!arch) throw new Error(`there is none for ${process.arch}`);
  const query = new URLSearchParams({ arch, platform: process.platform, format: 'tar.gz' });
  const address = `${options.infoUrl}?${query.toString()}`;
  const answer = await request(address, { answerMs: INFO_ANSWER_MS, signal });
  const { archiveUrl, fileToExtract } = (await answer.json()) as Record<string, unknown>;
  if (typeof archiveUrl !== 'string' || typeof fileToExtract !== 'string')
    throw new Error(`${options.infoUrl}: not the answer that the SDK expects`);
  if (!/^\w[\w./-]*$/.test(fileToExtract) || fileToExtract.includes('..'))
    throw new Error(`${options.infoUrl} names an odd file to extract: ${fileToExtract}`);
  const archive = join(dir, 'archive.tar.gz');
  const label = `${release.title} ${release.version}`;
  await download(archiveUrl, { file: archive, label, announce, answerMs: ARCHIVE_ANSWER_MS, signal });
  const args = ['-xzf', archive, '-C', dir, fileToExtract];
  const unpacked = await ask('tar', args, { env: options.env, timeoutMs: UNPACK_MS, signal });
  if (!unpacked.ok) throw new Error(`tar: ${unpacked.reason}`);
  const program = join(dir, 'from-archive');
  await rename(join(dir, fileToExtract), program);
  return program;
}
