import type { WorkflowNotFoundError } from '@temporalio/client';
import { ChandlerError, reasonOf } from '../domain/failure.ts';
import { oneLine } from '../domain/terminal.ts';
import { exitCodes, nameOfExitCode, type ExitCode } from './exit-codes.ts';

/** A command cannot go on for a reason that is told in full by its message. */
export class CliError extends Error {
  override readonly name = 'CliError';
  readonly exitCode: ExitCode;
  /** Tells programs more than the exit code does. */
  readonly code: string;

  constructor(exitCode: ExitCode, message: string, options: ErrorOptions & { code?: string } = {}) {
    super(message, options);
    this.exitCode = exitCode;
    this.code = options.code ?? nameOfExitCode(exitCode);
  }
}

/** An error as a person and a program are told of it. */
export interface Explanation {
  /** One or two lines: what is wrong, and what to do next. */
  readonly text: string;
  readonly exitCode: ExitCode;
  /** A failure code, or the name of the exit code, or `not-found`, `no-worker`. */
  readonly code: string;
}

/** gRPC status codes (https://grpc.io/docs/guides/status-codes/). */
export const GRPC = {
  cancelled: 1,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  permissionDenied: 7,
  failedPrecondition: 9,
  unavailable: 14,
  unauthenticated: 16,
} as const;

const NO_WORKER = 'no worker answers for this run; start one with: chandler worker';

/** Nobody answers for a run, and what that means for what was wanted. */
export function silentError({ who }: { readonly who: 'worker' | 'server' }, meaning: string): CliError {
  if (who === 'worker')
    return new CliError(exitCodes.failed, `${meaning}: ${NO_WORKER}`, { code: 'no-worker' });
  return new CliError(exitCodes.unreachable, `${meaning}: the Temporal server does not answer`);
}

/** What to tell about an error, and how to exit. */
export function explainError(error: unknown): Explanation {
  if (error instanceof CliError) return explain(error.exitCode, error.message, error.code);
  if (error instanceof ChandlerError) {
    // The general advice on plans is beside the point when a message to a run was refused.
    if (error.code === 'invalid-input') return explain(exitCodes.usage, error.message, error.code);
    const text = `${error.message} (${error.code})\n${error.advice}`;
    return explain(exitCodes.failed, text, error.code);
  }
  if (isNotFound(error)) {
    const text = `no run with the id ${error.workflowId}; the runs are listed by: chandler status`;
    return explain(exitCodes.usage, text, 'not-found');
  }
  const grpc = grpcError(error);
  if (grpc?.code === GRPC.unavailable) {
    const text = 'the Temporal server does not answer any more; what runs on hosts goes on without it';
    return explain(exitCodes.unreachable, text);
  }
  if (grpc?.code === GRPC.invalidArgument) {
    return explain(exitCodes.usage, `the Temporal server refuses the request: ${oneLine(grpc.details)}`);
  }
  if (grpc?.code === GRPC.permissionDenied || grpc?.code === GRPC.unauthenticated) {
    const text = `the Temporal server does not let you: ${oneLine(grpc.details)}; see TEMPORAL_API_KEY and TEMPORAL_TLS_…`;
    return explain(exitCodes.failed, text, 'no-permission');
  }
  // Of the native core, which only workers load.
  if (error instanceof Error && error.name === 'TransportError') {
    return explain(exitCodes.unreachable, `no Temporal server answers there: ${error.message}`);
  }
  if (isNoWorker(error)) return explain(exitCodes.failed, NO_WORKER, 'no-worker');
  return explain(exitCodes.failed, reasonOf(error));
}

function explain(exitCode: ExitCode, text: string, code: string = nameOfExitCode(exitCode)): Explanation {
  return { text, exitCode, code };
}

/**
 * True when the engine answers but no worker does: nothing polls the task queue, or it is very busy.
 * A server that is first to see that the time is up calls the request cancelled, not late
 * (https://grpc.io/docs/guides/deadlines/#deadlines-on-the-server).
 */
export function isNoWorker(error: unknown): boolean {
  const code = grpcError(error)?.code;
  return code === GRPC.deadlineExceeded || code === GRPC.cancelled || code === GRPC.failedPrecondition;
}

/** True when the engine does not take what was asked, a query that it does not understand, say. */
export function isInvalidArgument(error: unknown): boolean {
  return grpcCode(error) === GRPC.invalidArgument;
}

/** True when the engine knows no run of that id. By the name of the class: the SDK takes long to load. */
export function isNotFound(error: unknown): error is WorkflowNotFoundError {
  return error instanceof Error && error.name === 'WorkflowNotFoundError';
}

/** The gRPC status of an error; the SDK wraps those in its own, so it may be in the cause. */
export function grpcCode(error: unknown): number | undefined {
  return grpcError(error)?.code;
}

function grpcError(error: unknown): { readonly code: number; readonly details: string } | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code, details } = error as { code?: unknown; details?: unknown };
  if (typeof code === 'number' && typeof details === 'string') return { code, details };
  return grpcError(error.cause);
}
