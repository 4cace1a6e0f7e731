export { attachHint, historyCommand, listCommand, safeName } from './zmx-commands.ts';
export { parseSessionRows, parseSessions } from './parse-sessions.ts';
export type { Session, SessionRow } from './parse-sessions.ts';
export { githubAssets, releaseFor, releasePlaces, zmxArchitectures } from './releases.ts';
export type { ZmxRelease } from './releases.ts';
export { loadShim } from './load-shim.ts';
export { compareVersions, lingerSeconds, oldestVersion, parseVersion, missedEnds } from './zmx-version.ts';
