export * from './client.ts';
export type { HostInspection, Lack, LogPage, WorkerInspection } from './activities/activity-types.ts';
export type { Duration } from './domain/text/duration.ts';
export type { ExtendTimeout, RetryStep, SkipStep, WithReason } from './domain/run/actions.ts';
export type { AuditEntry } from './domain/run/audit-trail.ts';
export type {
  CheckAnswer,
  Deviation,
  DriftReport,
  FileDifference,
  StepAnswer,
  StepDrift,
} from './domain/run/drift.ts';
export type {
  AbortFleet,
  FleetActionInputs,
  FleetActionName,
  RetryHosts,
  RetryStepOfHosts,
  SetConcurrency,
  SetMaxFailures,
  SkipHosts,
} from './domain/fleet/fleet-actions.ts';
export type { Amount } from './domain/fleet/amount.ts';
export type {
  FleetAttention,
  FleetHostsPage,
  FleetHostsQuery,
  FleetHostStatus,
  FleetPhase,
  FleetResult,
  FleetStatus,
  HostCounts,
  WaveStatus,
} from './domain/fleet/fleet-status.ts';
export type { HostFailure } from './domain/fleet/host-report.ts';
export type { HostState } from './domain/fleet/host-tally.ts';
export type { Gate } from './domain/fleet/rollout-state.ts';
export type { FleetHost, FleetInput } from './domain/fleet/schema.ts';
export { validateFleet } from './domain/fleet/validate-fleet.ts';
export { ChandlerError, failureCodes } from './domain/run/failure.ts';
export type { FailureCode, FailureFacts } from './domain/run/failure.ts';
export type { Finding } from './domain/run/finding.ts';
export type {
  CleanResult,
  EndedLeftover,
  Leftover,
  OpenSession,
  OwnedLeftover,
} from './domain/run/leftovers.ts';
export { makeLaunch } from './domain/run/ids.ts';
export type { Launch } from './domain/run/ids.ts';
export type { LaunchState, StartWaiting } from './domain/run/launch-state.ts';
export type { FilePins } from './domain/plan/files.ts';
export type { Plan, Step, Target, WatchInput } from './domain/plan/schema.ts';
export type {
  InputWait,
  PartFailure,
  PartState,
  PartStatus,
  Phase,
  RunStatus,
  Trouble,
  StepStatus,
} from './domain/run/status.ts';
export type { ServerPause } from './domain/run/server-pause.ts';
export { validatePlan, validateWatch } from './domain/plan/validate.ts';
export type { Problem } from './domain/plan/problems.ts';
export type { PartRecord, RecordEntry } from './domain/run/part-record.ts';
export type { HostFacts } from './host/host-facts.ts';
export type { Host, HostOptions } from './host/host.ts';
export type { HostReport } from './host/host-report.ts';
export type { HostRecords, LeaseAnswer, PrepareOptions, StartOptions } from './host/host-answers.ts';
export type { ZmxRetry, ZmxSource } from './host/install-zmx.ts';
export type {
  CheckOptions,
  LaunchBody,
  LogChunk,
  LogOptions,
  LogStart,
  Progress,
  SessionPlace,
  WaitOptions,
} from './host/launch.ts';
export type { DeliveredFile, PlacedFile } from './host/placed-files.ts';
export { loadPrograms } from './host/programs.ts';
export type { Program, Programs } from './host/programs.ts';
export type { RecordedParts } from './host/recorded-parts.ts';
export type { ScriptState } from './host/script-state.ts';
export type { BootEvent } from './domain/run/boot-event.ts';
export type { BootAnswer } from './host/boot-answer.ts';
export { startLaunch } from './host/start-launch.ts';
export type { LaunchWork } from './host/launch-body.ts';
export type { ZmxForecast } from './host/zmx-forecast.ts';
export type { ZmxInstallation } from './host/zmx-installation.ts';
export type { ZmxHost } from './host/zmx-transfer.ts';
export type { ZmxSourceName } from './host/zmx-source-name.ts';
export type { ZmxSpec } from './host/zmx-spec.ts';
export * from './library/index.ts';
export { raw, render, renderMasked, secret, sh } from './shell/index.ts';
export type { Command, Raw, Secret, Word } from './shell/command.ts';
export { createSshPool, withSudo } from './ssh/index.ts';
export type {
  ExecOptions,
  Executor,
  Patience,
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
export type {
  CheckDriftInput,
  CleanInput,
  InspectInput,
  Inspection,
  ProvisionResult,
} from './workflows/index.ts';
