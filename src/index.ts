export { connect, createClient } from './client.ts';
export type { ChandlerClient, ClientOptions, RunResult } from './client.ts';
export { ChandlerError, failureCodes } from './domain/failure.ts';
export type { FailureCode, FailureFacts } from './domain/failure.ts';
export type { Plan, Step, Target } from './domain/schema.ts';
export type {
  Intervention,
  PartFailure,
  PartState,
  PartStatus,
  Phase,
  RunStatus,
  StepStatus,
} from './domain/status.ts';
export { validatePlan } from './domain/validate.ts';
export type { Problem } from './domain/problems.ts';
export { loadPrograms } from './host/programs.ts';
export type { Programs } from './host/programs.ts';
export * from './provision/index.ts';
export { createSshPool } from './ssh/index.ts';
export type {
  ExecOptions,
  Executor,
  HostKeyPolicy,
  Outcome,
  ResolvedAuth,
  ResolvedTarget,
  SshPool,
  SshPoolOptions,
} from './ssh/index.ts';
export type { ProvisionResult } from './workflows/index.ts';
