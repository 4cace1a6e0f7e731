export {
  attachCommand,
  attachHint,
  historyCommand,
  killCommand,
  listCommand,
  listShortCommand,
  runCommand,
  safeName,
  versionCommand,
  waitCommand,
} from './commands.ts';
export { parseSessionRows, parseSessions } from './list.ts';
export type { Session, SessionRow } from './list.ts';
export { releaseFor } from './releases.ts';
export { loadShim } from './shim.ts';
export { compareVersions, oldestVersion, parseVersion, zmxTraits } from './version.ts';
