import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join, resolve } from 'node:path';
import {
  parseSshSettings,
  readSshHost,
  type SshHost,
  type SshSettings,
} from '../../domain/hosts/ssh-settings.ts';
import type { Hop } from '../../domain/hosts/jump-hosts.ts';
import { oneLine } from '../../domain/text/plain-text.ts';
import type { CliContext } from '../context.ts';
import { usageError } from '../errors.ts';

/** A `Match exec` of the configuration runs programs, which may hang. */
const TIMEOUT_MS = 20_000;
/** A user that no configuration sets. */
const UNSET_USER = 'chandler-unset-user';

/** Asks ssh how its configuration reaches a host. `own` is what the plan sets, because a configuration can depend on it. */
export type AskSsh = (own: Pick<Hop, 'host' | 'port' | 'user'>) => Promise<SshHost>;

/**
 * Returns a function that asks the ssh of this machine; undefined if there is no ssh or no configuration. `file` replaces the
 * configurations of the user and the machine.
 */
export async function createAskSsh(
  { env }: Pick<CliContext, 'env'>,
  file: string | undefined,
): Promise<AskSsh | undefined> {
  const files = file === undefined ? defaultFiles() : [resolve(file)];
  if (file !== undefined && !existsSync(file)) throw usageError(`--ssh-config ${file}: no such file`);
  if (files.length === 0) return undefined;
  const ask = (...args: readonly string[]) => runSsh(args, env);
  const bare = await ask('-F', 'none', '-G', '--', 'x');
  if (!bare) return undefined;
  const config = file === undefined ? [] : ['-F', resolve(file)];
  return async ({ host, port, user }) => {
    const own = [
      ...(port === undefined ? [] : ['-p', String(port)]),
      ...(user === undefined ? [] : ['-l', user]),
    ];
    const settings = (await ask(...config, '-G', ...own, '--', host)) ?? bare;
    const [login] = settings.get('user') ?? [];
    const isAmbiguous = user === undefined && login === bare.get('user')?.[0];
    const found = readSshHost(host, settings, bare);
    if (!isAmbiguous || login === undefined) return found;
    return (await setsUser(files, host, own, ask)) ? { ...found, user: login } : found;
  };
}

/** Whether the configuration itself sets the name that ssh would use without it. */
async function setsUser(
  files: readonly string[],
  host: string,
  own: readonly string[],
  ask: (...args: readonly string[]) => Promise<SshSettings | undefined>,
): Promise<boolean> {
  const dir = await mkdtemp(join(tmpdir(), 'chandler-ssh-'));
  try {
    const config = join(dir, 'config');
    const includes = files.map((file) => `Include "${file}"\n`).join('');
    await writeFile(config, `${includes}Match all\n  User ${UNSET_USER}\n`);
    const settings = await ask('-F', config, '-G', ...own, '--', host);
    return settings?.get('user')?.[0] !== UNSET_USER;
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** Where ssh looks: the home directory is that of the user database. */
function defaultFiles(): string[] {
  let home: string | undefined;
  try {
    home = userInfo().homedir;
  } catch {
    // A user without an entry has no configuration of their own.
  }
  const files = [...(home === undefined ? [] : [join(home, '.ssh/config')]), '/etc/ssh/ssh_config'];
  return files.filter((file) => existsSync(file));
}

/** Returns what ssh prints; undefined if it is not installed. @throws CliError usage if it refuses its configuration */
function runSsh(args: readonly string[], env: CliContext['env']): Promise<SshSettings | undefined> {
  return new Promise((done, failed) => {
    const options = { env: { ...env }, timeout: TIMEOUT_MS, maxBuffer: 1024 * 1024 };
    const child = execFile('ssh', [...args], options, (error, stdout, stderr) => {
      if (!error) done(parseSshSettings(stdout));
      else if (error.code === 'ENOENT') done(undefined);
      else {
        const why =
          oneLine(stderr.trim()) ||
          (error.killed ? `no answer within ${TIMEOUT_MS / 1000} s` : error.message);
        failed(usageError(`ssh refuses its configuration: ${why}; --no-ssh-config ignores it`));
      }
    });
    child.stdin?.end();
  });
}
