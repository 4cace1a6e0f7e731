import { open, readdir, realpath } from 'node:fs/promises';
import { constants } from 'node:fs';
import { join, sep } from 'node:path';
import ssh2 from 'ssh2';
import { count } from '../domain/count.ts';
import type { Finding } from '../domain/finding.ts';
import { oneLine } from '../domain/terminal.ts';
import { quote } from '../shell/index.ts';

/** More than a directory of keys holds; what is beyond is not looked at. */
const MAX_FILES = 500;
/** A private key of 16 384 bits is 13 KB. Bytes. */
const MAX_KEY_BYTES = 64 * 1024;
/** How every private key begins that ssh2 can read: OpenSSH's own form, PEM, PuTTY's. */
const PRIVATE = /^(-----BEGIN [A-Z ]*PRIVATE KEY-----|PuTTY-User-Key-File-)/;
const GROUP = 0o070;
const OTHERS = 0o007;

/** One file that claims to be a private key. */
interface KeyFile {
  readonly path: string;
  readonly mode: number;
  readonly state: 'usable' | 'passphrase' | 'broken';
}

/** Looks at the private keys of some directories. `setting` is the variable that names them, if one does. */
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
  const about = { id: 'identities', looked: oneLine(dir) };
  let files: string[];
  try {
    files = await filesOf(dir);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    // Where nobody has named a directory, none need be there.
    if (setting === undefined && code === 'ENOENT')
      return { findings: [{ ...about, verdict: 'ok', says: 'is not there: no keys' }], usable: 0 };
    const why = setting === undefined ? '' : ` (${setting})`;
    const says = `cannot be read${why}: ${code}`;
    return {
      findings: [{ ...about, verdict: 'problem', says, mend: `mkdir -m 700 ${quote(dir)}` }],
      usable: 0,
    };
  }
  const keys = (await Promise.all(files.map(readKeyFile))).filter((key) => key !== undefined);
  const usable = keys.filter(({ state }) => state === 'usable').length;
  const says = `${count(usable, 'private key')} that can be used`;
  return { findings: [{ ...about, verdict: 'ok', says }, ...keys.flatMap(judgeKey)], usable };
}

/**
 * The files of a directory and of those in it, for a plan may name `web/id_ed25519`. A link that leads out of it is none: no
 * plan gets there.
 */
async function filesOf(dir: string): Promise<string[]> {
  const entries = (await readdir(dir, { withFileTypes: true })).slice(0, MAX_FILES);
  const below = await Promise.all(
    entries
      .filter((entry) => entry.isDirectory())
      // One that cannot be read holds no key for anybody.
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

/** What there is to say of one key; nothing if all is well. */
export function judgeKey({ path, mode, state }: KeyFile): Finding[] {
  const about = { id: 'key', looked: oneLine(path) };
  const mend = `chmod go-rwx ${quote(path)}`;
  const findings: Finding[] = [];
  if ((mode & OTHERS) !== 0)
    findings.push({
      ...about,
      verdict: 'problem',
      says: `everybody on the machine may use this key (mode ${octal(mode)})`,
      mend,
    });
  else if ((mode & GROUP) !== 0)
    findings.push({
      ...about,
      verdict: 'warning',
      says: `its group may use this key (mode ${octal(mode)})`,
      mend,
    });
  if (state === 'passphrase')
    findings.push({
      ...about,
      verdict: 'warning',
      says: 'has a passphrase, which nobody is there to type: only an agent can use it',
      mend: `ssh-add ${quote(path)}`,
    });
  if (state === 'broken')
    findings.push({
      ...about,
      verdict: 'warning',
      says: 'says that it is a private key, and cannot be read as one',
      mend: `ssh-keygen -y -f ${quote(path)}`,
    });
  return findings;
}

/** Whether a file is a private key that more than its owner may use. */
export async function isLooseKey(path: string): Promise<boolean> {
  const key = await readKeyFile(path);
  return key !== undefined && (key.mode & (GROUP | OTHERS)) !== 0;
}

async function readKeyFile(path: string): Promise<KeyFile | undefined> {
  // Neither a pipe nor a terminal that somebody has put there may hold this up.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch(() => undefined);
  if (!file) return undefined;
  try {
    const about = await file.stat();
    if (!about.isFile() || about.size > MAX_KEY_BYTES) return undefined;
    const text = await file.readFile('utf8');
    if (!PRIVATE.test(text)) return undefined;
    return { path, mode: about.mode & 0o777, state: stateOf(text) };
  } finally {
    await file.close();
  }
}

function stateOf(text: string): KeyFile['state'] {
  const parsed: unknown = ssh2.utils.parseKey(text);
  if (!(parsed instanceof Error)) return 'usable';
  // "Encrypted private OpenSSH key detected, but no passphrase given"
  return /passphrase/i.test(parsed.message) ? 'passphrase' : 'broken';
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, '0');
}
