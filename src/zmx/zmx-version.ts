/** The output of `zmx version`. */
export interface ZmxVersion {
  /** `0.7.0`; the shim reports the version whose command line it implements. */
  readonly version: string;
  /** Whether it is the shim over tmux. */
  readonly shim: boolean;
}

/** Before this version, zmx misses the end of a command that takes less than `seconds` in a new session. */
export const missedEnds = { before: '0.7.0', seconds: 0.7 } as const;

export const oldestVersion = '0.5.0';

/** Reads the output of `zmx version`; undefined if the program is not zmx. */
export function parseVersion(text: string): ZmxVersion | undefined {
  const version = /^zmx[ \t]+v?(\d{1,6}\.\d{1,6}\.\d{1,6})(?=$|[\s+-])/m.exec(text)?.[1];
  if (version === undefined) return undefined;
  // The shim names itself on the line of zmx's terminal library. Paths on other lines may contain any word.
  return { version, shim: /^ghostty_vt\t.*\bchandler shim\b/m.test(text) };
}

/** Negative if `a` is older than `b`, 0 if they are equal, positive if `a` is newer. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [parts(a), parts(b)];
  for (const [i, part] of left.entries()) {
    const difference = part - (right[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return left.length < right.length ? -1 : 0;
}

/** The minimum duration of a command in a new session, in seconds, so that this version of zmx notices its end. */
export function lingerSeconds(version: string): number {
  return compareVersions(version, missedEnds.before) < 0 ? missedEnds.seconds : 0;
}

function parts(version: string): number[] {
  return version.split('.').map(Number);
}
