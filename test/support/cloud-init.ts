import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { installInCache } from '../../src/dev/temporal/cache.ts';
import { defaultCacheDir } from '../../src/dev/temporal/index.ts';

const exec = promisify(execFile);
const IN_PACKAGE = 'usr/lib/python3/dist-packages/cloudinit/config/schemas/schema-cloud-config-v1.json';
/** Draft-04, as cloud-init has them. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/**
 * What cloud-init itself holds user-data against, out of Debian's package of it, from the cache that all runs share. The
 * package is unpacked, not installed.
 *
 * @throws Error saying why it can't be had; it is needed, so a test without it must fail
 */
export async function cloudConfigSchema(): Promise<JsonSchema> {
  const path = join(defaultCacheDir(process.env), 'cloud-init', 'cloud-config-schema.json');
  const cached = await read(path).catch(() => undefined);
  return cached ?? installInCache(path, fetchSchema, read);
}

async function read(path: string): Promise<JsonSchema> {
  const schema = JSON.parse(await readFile(path, 'utf8')) as { $defs?: Record<string, unknown> };
  if (schema.$defs?.['cc_write_files'] === undefined)
    throw new Error('what cloud-init has for a schema knows no write_files');
  return schema;
}

async function fetchSchema(dir: string): Promise<string> {
  try {
    // Lists that are old, or not there at all, are fetched by whoever may do so.
    await download(dir).catch(async (reason: unknown) => {
      if (process.getuid?.() !== 0) throw reason;
      await exec('apt-get', ['update', '-qq'], { timeout: 120_000 });
      await download(dir);
    });
    const deb = (await readdir(dir)).find((name) => name.endsWith('.deb'));
    if (deb === undefined) throw new Error('apt-get has put no package there');
    await exec('dpkg-deb', ['-x', join(dir, deb), join(dir, 'package')]);
    return join(dir, 'package', IN_PACKAGE);
  } catch (error) {
    const reason = (error as { stderr?: string }).stderr?.trim() || (error as Error).message;
    throw new Error(
      `the schema of cloud-init comes with Debian's package, which apt-get must be able to download (apt-get download cloud-init): ${reason}`,
      { cause: error },
    );
  }
}

async function download(dir: string): Promise<void> {
  await exec('apt-get', ['download', '-qq', '-o', 'APT::Sandbox::User=root', 'cloud-init'], {
    cwd: dir,
    timeout: 60_000,
  });
}
