export { defaultCacheDir } from './cache.ts';
export {
  findTemporalCli,
  ProgramNotFoundError,
  type FindOptions,
  type FoundProgram,
} from './find-program.ts';
export { startDevServer, type DevServer, type DevServerOptions, type StopOptions } from './dev-server.ts';
export type { SearchAttributeType } from './server-args.ts';
export { readDevServer, type DevServerInfo } from './server-record.ts';
