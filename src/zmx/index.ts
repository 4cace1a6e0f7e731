export { attachHint, historyCommand, listCommand, safeName } from './commands.ts';
export { parseSessionRows, parseSessions } from './list.ts';
export type { Session, SessionRow } from './list.ts';
export { releaseFor, zmxArchitectures } from './releases.ts';
export type { ZmxRelease } from './releases.ts';
export { loadShim } from './shim.ts';
export {
  compareVersions,
  differencesOf,
  lingerSeconds,
  oldestVersion,
  parseVersion,
  zmxDifferences,
} from './version.ts';
