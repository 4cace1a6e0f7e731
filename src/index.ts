export { connect, createClient } from './client.ts';
export type { ChandlerClient, ClientOptions, LogRange, LogRef, RunFailure, RunResult } from './client.ts';
export type { HostSight, LogPage, WorkerSight } from './activities/types.ts';
export type { Duration } from './domain/duration.ts';
export { ChandlerError, failureCodes } from './domain/failure.ts';
export type { FailureCode, FailureFacts } from './domain/failure.ts';
export type { Finding } from './domain/finding.ts';
export { makeLaunch } from './domain/ids.ts';
export type { Launch } from './domain/ids.ts';
export type { LaunchState } from './domain/launch-state.ts';
export type { Plan, Step, Target, WatchInput } from './domain/schema.ts';
export type {
  Intervention,
  PartFailure,
  PartState,
  PartStatus,
  Phase,
  RunStatus,
  StepStatus,
} from './domain/status.ts';
export { validatePlan, validateWatch } from './domain/validate.ts';
export type { Problem } from './domain/problems.ts';
export type { HostFacts } from './host/facts.ts';
export type { Host } from './host/host.ts';
export type { Upload } from './host/host-program.ts';
export type { HostLook } from './host/inspect.ts';
export type { ZmxSource } from './host/install-zmx.ts';
export type { LaunchBody, LogChunk, LogStart, Progress, SessionPlace } from './host/launch.ts';
export { loadPrograms } from './host/programs.ts';
export type { Program, Programs } from './host/programs.ts';
export type { ScriptState } from './host/script-state.ts';
export type { ZmxForecast } from './host/zmx-forecast.ts';
export type { ZmxInstallation } from './host/zmx-installation.ts';
export type { ZmxHost } from './host/zmx-transfer.ts';
export type { ZmxSourceName, ZmxSpec } from './host/zmx-wish.ts';
export * from './provision/index.ts';
export { raw, render, renderMasked, secret, sh } from './shell/index.ts';
export type { Command, Raw, Secret, Word } from './shell/command.ts';
export { createSshPool, withSudo } from './ssh/index.ts';
export type {
  ExecOptions,
  Executor,
  HostKeyPolicy,
  Outcome,
  ResolvedAuth,
  ResolvedTarget,
  SshConnectionOptions,
  SshPool,
  SshPoolEvent,
  SshPoolOptions,
  SshPoolStats,
} from './ssh/index.ts';
export type { ExtendTimeout, RetryStep, SkipStep, WithReason } from './workflows/messages.ts';
export type { CheckAnswer, InspectInput, Inspection, ProvisionResult } from './workflows/index.ts';
