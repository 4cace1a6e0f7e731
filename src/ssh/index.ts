export { shortSshCommand } from './client-command.ts';
export type { SshConnectionOptions } from './connection.ts';
export type { ExecOptions, Executor, Outcome } from './executor.ts';
export { createSshPool } from './pool.ts';
export type { SshPool, SshPoolStats } from './pool.ts';
export type { SshPoolEvent, SshPoolOptions } from './pool-options.ts';
export type { HostKeyPolicy, ResolvedAuth, ResolvedTarget } from './target.ts';
export { withSudo } from './sudo.ts';
export { upload } from './upload.ts';
