/** What `zmx version` said. */
export interface ZmxVersion {
  /** `0.7.0`; for the shim the version whose command line it speaks. */
  readonly version: string;
  /** The shim over tmux, not a zmx of its own. */
  readonly shim: boolean;
}

/** A way in which versions of zmx differ, as far as it matters here (observed for 0.5–0.7, from changelog and source for 0.8). */
export interface ZmxDifference {
  /** The versions that behave so. */
  readonly since?: string;
  readonly before?: string;
  readonly behavior: string;
  /** How it is met. What does no harm elsewhere is done for every version alike. */
  readonly met: string;
  /** Seconds that a command must take in a new session for zmx to notice its end. */
  readonly lingerS?: number;
  /** Columns of `list` with another name than elsewhere. */
  readonly renamed?: Readonly<Record<string, string>>;
}

/** Every one of them. */
export const zmxDifferences: readonly ZmxDifference[] = [
  {
    before: '0.6.0',
    behavior: "the daemon keeps its caller's stdin, stdout and stderr open until the session ends",
    met: '`run` is called with none of them (start in launch.sh, call_zmx in common.sh)',
  },
  {
    before: '0.6.0',
    behavior: 'a busy daemon is answered for with empty output and exit 0',
    met: 'what zmx says decides nothing: the records of the launch do',
  },
  {
    before: '0.7.0',
    behavior: 'the end of a command that was faster than half a second in a new session is never noticed',
    met: 'the supervisor stays that long after its record (lingerS)',
    lingerS: 0.7,
  },
  {
    before: '0.7.0',
    behavior: 'a session gets the shell of $SHELL',
    met: 'SHELL is bash for every call (call_zmx in common.sh)',
  },
  {
    since: '0.7.0',
    behavior: 'a session gets the bash of PATH, and without one there is none',
    met: 'a host without bash has a stand-in of that name behind PATH (stand_in_for_bash in launch.sh)',
  },
  {
    before: '0.7.0',
    behavior: 'the directory above ZMX_DIR must be there',
    met: '`mkdir -p` comes before the first `run` (start in launch.sh)',
  },
  {
    before: '0.7.0',
    behavior: 'the name of a session that was killed is taken for half a second more',
    met: 'its socket is waited for (end_session in common.sh)',
  },
  {
    before: '0.6.0',
    behavior: '`kill` does nothing to a session that prints hard, and exits 0',
    met: 'it is asked again until the socket is gone (end_session in common.sh)',
  },
  {
    before: '0.7.0',
    behavior: 'a session that prints hard, or was just killed, is listed with err=',
    met: '`unreachable` is a state of its own, neither running nor ended (parseSessionRows)',
  },
  {
    since: '0.7.0',
    behavior: 'a used session may report the end of an earlier command',
    met: 'every launch has a session of its own',
  },
  {
    since: '0.7.0',
    behavior: 'labels stand behind the columns of `list`, and may have names of columns',
    met: 'columns count in their order only, and once (parseSessionRows, clear_session in launch.sh)',
  },
  {
    before: '0.7.0',
    behavior: 'a hung daemon answers `kill` without being dead; from 0.7 on `kill` waits for ever',
    met: 'every call is bounded, and the processes of a launch are killed by its marker (kill in the host program)',
  },
  {
    since: '0.8.0',
    behavior: '`list` has cwd where it had start_dir',
    met: 'both are read as start_dir (renamed)',
    renamed: { cwd: 'start_dir' },
  },
  {
    since: '0.8.0',
    behavior: 'commands that fail exit with a code where they exited with 0',
    met: 'what zmx says decides nothing (end_session in common.sh looks for the socket)',
  },
  {
    since: '0.8.0',
    behavior: 'the text that marks the end of a command has an id in it',
    met: 'nothing reads it: the records of the launch tell',
  },
  {
    since: '0.8.0',
    behavior: '2 000 rows of scrollback are kept, where 0.5 and 0.7 keep 9 000 and 0.6 keeps 4 800',
    met: '`history` is for people; the whole log of a launch is what supervise.sh keeps',
  },
  {
    before: '0.8.0',
    behavior: 'what is typed into a session stands in its log',
    met: 'nothing is typed but the paths of supervisor and launch (start in launch.sh)',
  },
  {
    before: '0.6.0',
    behavior: 'a word that begins with --fish is taken out of what is typed',
    met: 'those paths begin with a slash (start in launch.sh)',
  },
];

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

/** Seconds that a command must take in a new session of this version for zmx to notice its end; 0 if it notices every end. */
export function lingerSeconds(version: string): number {
  return Math.max(0, ...differencesOf(version).map(({ lingerS = 0 }) => lingerS));
}

/** In which ways a version differs from others. */
export function differencesOf(version: string): ZmxDifference[] {
  return zmxDifferences.filter(
    ({ since, before }) =>
      (since === undefined || compareVersions(version, since) >= 0) &&
      (before === undefined || compareVersions(version, before) < 0),
  );
}

function parts(version: string): number[] {
  return version.split('.').map(Number);
}
