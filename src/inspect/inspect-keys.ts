import { readdir, realpath, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import ssh2 from 'ssh2';
import { count } from '../domain/text/count.ts';
import { verdictsOn, type Finding } from '../domain/run/finding.ts';
import { oneLine } from '../domain/text/plain-text.ts';
import { quote } from '../shell/index.ts';
import { MAX_KEY_BYTES } from '../config/places.ts';
import { readRegularFile } from '../config/read-regular-file.ts';

/** The maximum number of files to inspect in a directory. */
const MAX_FILES = 500;
/** How private keys begin that ssh2 can read: OpenSSH, PEM, PuTTY. */
const PRIVATE = /^(-----BEGIN [A-Z ]*PRIVATE KEY-----|PuTTY-User-Key-File-)/;
const GROUP = 0o070;
const OTHERS = 0o007;

/** A file that begins like a private key. */
interface KeyFile {
  readonly path: string;
  readonly mode: number;
  readonly state: 'usable' | 'passphrase' | 'broken';
}

/** Inspects the private keys of directories. `setting` is the variable that names the directories, if it is set. */
export async function inspectKeys(
  dirs: readonly string[],
  setting: string | undefined,
): Promise<{ findings: Finding[]; usable: number }> {
  const all = await Promise.all(dirs.map((dir) => inspectDirOfKeys(dir, setting)));
  return {
    findings: all.flatMap(({ findings }) => findings),
    usable: all.reduce((sum, { usable }) => sum + usable, 0),
  };
}

async function inspectDirOfKeys(
  dir: string,
  setting: string | undefined,
): Promise<{ findings: Finding[]; usable: number }> {
  const { ok, problem } = verdictsOn('identities', oneLine(dir));
  let files: string[];
  try {
    files = await filesOf(dir);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    // The default directory need not exist.
    if (setting === undefined && code === 'ENOENT')
      return { findings: [ok('does not exist: no keys')], usable: 0 };
    const why = setting === undefined ? '' : ` (${setting})`;
    return { findings: [problem(`cannot be read${why}: ${code}`, `mkdir -m 700 ${quote(dir)}`)], usable: 0 };
  }
  const keys = (await Promise.all(files.map(readKeyFile))).filter((key) => key !== undefined);
  const usable = keys.filter(({ state }) => state === 'usable').length;
  return {
    findings: [ok(`${count(usable, 'private key')} that can be used`), ...keys.flatMap(keyFindings)],
    usable,
  };
}

/**
 * The files of a directory and its subdirectories, because a plan may name `web/id_ed25519`. Links that lead out of the directory
 * are left out, because plans cannot use them.
 */
async function filesOf(dir: string): Promise<string[]> {
  const entries = (await readdir(dir, { withFileTypes: true })).slice(0, MAX_FILES);
  const below = await Promise.all(
    entries
      .filter((entry) => entry.isDirectory())
      .map(async ({ name }) =>
        (await readdir(join(dir, name)).catch(() => [])).map((file) => join(name, file)),
      ),
  );
  const names = [...entries.filter((entry) => !entry.isDirectory()).map(({ name }) => name), ...below.flat()];
  const paths = names
    .sort()
    .slice(0, MAX_FILES)
    .map((name) => join(dir, name));
  const root = await realpath(dir);
  const real = await Promise.all(paths.map((path) => realpath(path).catch(() => '')));
  return paths.filter((_, i) => real[i]?.startsWith(root + sep));
}

/** The findings about one key; none if it is fine. */
export function keyFindings({ path, mode, state }: KeyFile): Finding[] {
  const { warning, problem } = verdictsOn('key', oneLine(path));
  const restrict = `chmod go-rwx ${quote(path)}`;
  const findings: Finding[] = [];
  if ((mode & OTHERS) !== 0)
    findings.push(problem(`every user of the machine may use this key (mode ${octal(mode)})`, restrict));
  else if ((mode & GROUP) !== 0)
    findings.push(warning(`its group may use this key (mode ${octal(mode)})`, restrict));
  if (state === 'passphrase')
    findings.push(
      warning(
        'has a passphrase, which a worker cannot type: only an agent can use the key',
        `ssh-add ${quote(path)}`,
      ),
    );
  if (state === 'broken')
    findings.push(
      warning('begins like a private key, but cannot be read as one', `ssh-keygen -y -f ${quote(path)}`),
    );
  return findings;
}

/** Whether a file is a private key that not only its owner can read. */
export async function isLooseKey(path: string): Promise<boolean> {
  const key = await readKeyFile(path);
  return key !== undefined && (key.mode & (GROUP | OTHERS)) !== 0;
}

/** Undefined for anything but a private key. */
async function readKeyFile(path: string): Promise<KeyFile | undefined> {
  try {
    const real = await realpath(path);
    const text = (await readRegularFile(real, MAX_KEY_BYTES)).toString('utf8');
    if (!PRIVATE.test(text)) return undefined;
    return { path, mode: (await stat(real)).mode & 0o777, state: stateOf(text) };
  } catch {
    return undefined;
  }
}

function stateOf(text: string): KeyFile['state'] {
  const parsed: unknown = ssh2.utils.parseKey(text);
  if (!(parsed instanceof Error)) return 'usable';
  // ssh2: "Encrypted private OpenSSH key detected, but no passphrase given"
  return /passphrase/i.test(parsed.message) ? 'passphrase' : 'broken';
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, '0');
}
