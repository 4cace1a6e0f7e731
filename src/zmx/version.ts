/** What `zmx version` said. */
export interface ZmxVersion {
  /** `0.7.0`; for the shim the version whose command line it speaks. */
  readonly version: string;
  /** The shim over tmux, not a zmx of its own. */
  readonly shim: boolean;
}

/** What differs between versions of zmx (observed for 0.5–0.7, from changelog and source for 0.8). */
export interface ZmxTraits {
  /** Seconds that a command must take in a new session for zmx to notice its end; 0 if it notices every end. */
  readonly lingerSeconds: number;
  /** The column of `list` that holds the directory a session was started in. */
  readonly directoryColumn: 'start_dir' | 'cwd';
  /** `set` and `get` exist, and `list` shows labels after its own columns. */
  readonly labels: boolean;
  /** Which shell a session of `run` gets: bash from PATH, or $SHELL. */
  readonly sessionShell: 'bash' | '$SHELL';
  /** The daemon keeps the caller's stdout and stderr open until the session ends. */
  readonly keepsCallerOutput: boolean;
}

/** Oldest first; each entry tells what changed with that version. */
const CHANGES: readonly (readonly [since: string, traits: Partial<ZmxTraits>])[] = [
  ['0.6.0', { keepsCallerOutput: false }],
  ['0.7.0', { lingerSeconds: 0, labels: true, sessionShell: 'bash' }],
  ['0.8.0', { directoryColumn: 'cwd' }],
];

const OLDEST: ZmxTraits = {
  lingerSeconds: 0.7,
  directoryColumn: 'start_dir',
  labels: false,
  sessionShell: '$SHELL',
  keepsCallerOutput: true,
};

/** The oldest version whose command line is the one Chandler speaks. */
export const oldestVersion = '0.5.0';

/** Reads what `zmx version` printed; nothing if it is not a zmx that said it. */
export function parseVersion(text: string): ZmxVersion | undefined {
  const version = /^zmx[ \t]+v?(\d{1,6}\.\d{1,6}\.\d{1,6})(?=$|[\s+-])/m.exec(text)?.[1];
  if (version === undefined) return undefined;
  // Where zmx names its terminal library, the shim names itself; the paths on other lines may hold any word.
  return { version, shim: /^ghostty_vt\t.*\bchandler shim\b/m.test(text) };
}

/** Negative if `a` is older than `b`, 0 if they are the same, positive if it is newer. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [parts(a), parts(b)];
  for (const [i, part] of left.entries()) {
    const difference = part - (right[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return left.length < right.length ? -1 : 0;
}

/** How a version behaves. */
export function zmxTraits(version: string): ZmxTraits {
  const changes = CHANGES.filter(([since]) => compareVersions(version, since) >= 0).map(
    ([, traits]) => traits,
  );
  return Object.assign({}, OLDEST, ...changes) as ZmxTraits;
}

function parts(version: string): number[] {
  return version.split('.').map(Number);
}
