export {
  attachCommand,
  attachHint,
  historyCommand,
  killCommand,
  listCommand,
  listShortCommand,
  runCommand,
  versionCommand,
  waitCommand,
} from './commands.ts';
export type { ZmxPlace } from './commands.ts';
export { parseSessionRows, parseSessions } from './list.ts';
export type { Session, SessionRow } from './list.ts';
export { defaultVersion, releaseFor } from './releases.ts';
export type { ReleaseRequest, ZmxRelease } from './releases.ts';
export { loadShim } from './shim.ts';
export type { Shim } from './shim.ts';
export { compareVersions, oldestVersion, parseVersion, zmxTraits } from './version.ts';
export type { ZmxTraits, ZmxVersion } from './version.ts';
