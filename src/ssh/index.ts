export type { ExecOptions, Executor, Outcome } from './executor.ts';
export { createSshPool } from './pool.ts';
export type { SshPool } from './pool.ts';
export type { SshPoolOptions } from './pool-options.ts';
export type { HostKeyPolicy, ResolvedAuth, ResolvedTarget } from './target.ts';
export { upload } from './upload.ts';
