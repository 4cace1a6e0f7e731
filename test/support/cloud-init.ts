import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { installInCache } from '../../src/dev/temporal/cache.ts';
import { defaultCacheDir } from '../../src/dev/temporal/index.ts';

const exec = promisify(execFile);
const IN_PACKAGE = 'usr/lib/python3/dist-packages/cloudinit/config/schemas/schema-cloud-config-v1.json';
/** A JSON schema of draft 04, which cloud-init uses. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/**
 * The schema that cloud-init checks user-data against, from Debian's package, kept in the cache that all runs share. The
 * package is unpacked, not installed.
 *
 * @throws Error if the package cannot be downloaded. Tests need it, so they must fail without it.
 */
export async function cloudConfigSchema(): Promise<JsonSchema> {
  const path = join(defaultCacheDir(process.env), 'cloud-init', 'cloud-config-schema.json');
  const cached = await read(path).catch(() => undefined);
  return cached ?? installInCache(path, fetchSchema, read);
}

async function read(path: string): Promise<JsonSchema> {
  const schema = JSON.parse(await readFile(path, 'utf8')) as { $defs?: Record<string, unknown> };
  if (schema.$defs?.['cc_write_files'] === undefined)
    throw new Error("cloud-init's schema does not define write_files");
  return schema;
}

async function fetchSchema(dir: string): Promise<string> {
  try {
    // Only root may update missing or outdated package lists.
    await download(dir).catch(async (reason: unknown) => {
      if (process.getuid?.() !== 0) throw reason;
      await exec('apt-get', ['update', '-qq'], { timeout: 120_000 });
      await download(dir);
    });
    const deb = (await readdir(dir)).find((name) => name.endsWith('.deb'));
    if (deb === undefined) throw new Error('apt-get downloaded no package');
    await exec('dpkg-deb', ['-x', join(dir, deb), join(dir, 'package')]);
    return join(dir, 'package', IN_PACKAGE);
  } catch (error) {
    const reason = (error as { stderr?: string }).stderr?.trim() || (error as Error).message;
    throw new Error(
      `cannot download the Debian package that contains cloud-init's schema: ${reason}. \`apt-get download cloud-init\` must work.`,
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
