import type {
  ScheduleAlreadyRunning,
  ScheduleNotFoundError,
  ServiceError,
  WorkflowContinuedAsNewError,
  WorkflowExecutionAlreadyStartedError,
  WorkflowFailedError,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
} from '@temporalio/client';
import type {
  ActivityFailure,
  ApplicationFailure,
  TerminatedFailure,
  TimeoutFailure,
} from '@temporalio/common';

/** Errors of the SDK, by the `name` that the SDK gives them. */
export interface SdkErrors {
  readonly ActivityFailure: ActivityFailure;
  readonly ApplicationFailure: ApplicationFailure;
  readonly ScheduleAlreadyRunning: ScheduleAlreadyRunning;
  readonly ScheduleNotFoundError: ScheduleNotFoundError;
  readonly ServiceError: ServiceError;
  readonly TerminatedFailure: TerminatedFailure;
  readonly TimeoutFailure: TimeoutFailure;
  readonly WorkflowExecutionAlreadyStartedError: WorkflowExecutionAlreadyStartedError;
  readonly WorkflowExecutionContinuedAsNewError: WorkflowContinuedAsNewError;
  readonly WorkflowFailedError: WorkflowFailedError;
  readonly WorkflowNotFoundError: WorkflowNotFoundError;
  readonly WorkflowUpdateFailedError: WorkflowUpdateFailedError;
}

/** Whether an error is of a class of the SDK. Recognised by its name, because to load the class is to load the whole SDK. */
export function isSdkError<Name extends keyof SdkErrors>(
  error: unknown,
  name: Name,
): error is SdkErrors[Name] {
  return error instanceof Error && error.name === name;
}
