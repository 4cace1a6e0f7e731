import { WorkflowNotFoundError, isGrpcServiceError } from '@temporalio/client';
import { ChandlerError, reasonOf } from '../domain/failure.ts';
import { exitCodes, type ExitCode } from './exit-codes.ts';

/** A command cannot go on for a reason that is told in full by its message. */
export class CliError extends Error {
  override readonly name = 'CliError';
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

/** gRPC status codes (https://grpc.io/docs/guides/status-codes/). */
export const GRPC = {
  cancelled: 1,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  failedPrecondition: 9,
  unavailable: 14,
} as const;

/** What to tell a person about an error, and how to exit. */
export function explainError(error: unknown): { readonly text: string; readonly exitCode: ExitCode } {
  if (error instanceof CliError) return { text: error.message, exitCode: error.exitCode };
  if (error instanceof ChandlerError) {
    // The general advice on plans is beside the point when a message to a run was refused.
    if (error.code === 'invalid-input') return { text: error.message, exitCode: exitCodes.usage };
    return { text: `${error.message} (${error.code})\n${error.advice}`, exitCode: exitCodes.failed };
  }
  if (error instanceof WorkflowNotFoundError) {
    return { text: `no run with the id ${error.workflowId}`, exitCode: exitCodes.usage };
  }
  const code = grpcCode(error);
  if (code === GRPC.unavailable) {
    return { text: 'the Temporal server does not answer any more', exitCode: exitCodes.unreachable };
  }
  // Of the native core, which only workers load.
  if (error instanceof Error && error.name === 'TransportError') {
    const text = `no Temporal server answers there: ${error.message}`;
    return { text, exitCode: exitCodes.unreachable };
  }
  if (isNoWorker(error)) {
    return {
      text: 'no worker answers for this run; start one with: chandler worker',
      exitCode: exitCodes.failed,
    };
  }
  return { text: reasonOf(error), exitCode: exitCodes.failed };
}

/**
 * True when the engine answers but no worker does: nothing polls the task queue, or it is very busy.
 * A server that is first to see that the time is up calls the request cancelled, not late
 * (https://grpc.io/docs/guides/deadlines/#deadlines-on-the-server).
 */
export function isNoWorker(error: unknown): boolean {
  const code = grpcCode(error);
  return code === GRPC.deadlineExceeded || code === GRPC.cancelled || code === GRPC.failedPrecondition;
}

/** True when the engine does not take what was asked, a query that it does not understand, say. */
export function isInvalidArgument(error: unknown): boolean {
  return grpcCode(error) === GRPC.invalidArgument;
}

/** The gRPC status of an error; the SDK wraps those in its own, so it may be in the cause. */
export function grpcCode(error: unknown): number | undefined {
  if (isGrpcServiceError(error)) return error.code;
  return error instanceof Error && error.cause !== undefined ? grpcCode(error.cause) : undefined;
}
