import type { WorkflowNotFoundError } from '@temporalio/client';
import { isSdkError } from '../client/sdk-errors.ts';
import { ChandlerError, reasonOf } from '../domain/run/failure.ts';
import { RunPausedError } from '../domain/run/server-pause.ts';
import { oneLine } from '../domain/text/plain-text.ts';
import { describeFailedTask } from './output/describe-failed-task.ts';
import type { Silence } from './server/observe-run.ts';
import { exitCodes, nameOfExitCode, type ExitCode } from './exit-codes.ts';

/** Ends a command. The message is printed as it is. */
export class CliError extends Error {
  override readonly name = 'CliError';
  readonly exitCode: ExitCode;
  /** For programs; more specific than the exit code. */
  readonly code: string;

  constructor(exitCode: ExitCode, message: string, options: ErrorOptions & { code?: string } = {}) {
    super(message, options);
    this.exitCode = exitCode;
    this.code = options.code ?? nameOfExitCode(exitCode);
  }
}

/** Wrong usage, or bad input. */
export function usageError(message: string): CliError {
  return new CliError(exitCodes.usage, message);
}

export interface Explanation {
  /** One or two lines: what failed, why, and what to do. */
  readonly text: string;
  readonly exitCode: ExitCode;
  /** A failure code, or the name of the exit code, or `not-found`, `no-worker`, `server-pause`. */
  readonly code: string;
}

/** gRPC status codes (https://grpc.io/docs/guides/status-codes/). */
const GRPC = {
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

/** The message when a server that answered before stops answering. */
export const SERVER_GONE = 'the Temporal server does not answer any more; steps on hosts continue without it';

/** The end of the message for an id that the server does not know. */
export const NOT_KNOWN =
  'it never was, or it was deleted, or it is older than the server keeps runs. List the runs with: chandler status — and what one left on its host with: chandler clean TARGET';

/** `meaning` is what happened to the request: `nothing was sent`. */
export function silentError({ who, failedTask }: Omit<Silence, 'kind'>, meaning: string): CliError {
  if (who === 'worker') {
    const why = failedTask ? describeFailedTask(failedTask) : NO_WORKER;
    return new CliError(exitCodes.failed, `${meaning}: ${why}`, { code: 'no-worker' });
  }
  return new CliError(exitCodes.unreachable, `${meaning}: the Temporal server does not answer`);
}

export function explainError(error: unknown): Explanation {
  if (error instanceof CliError) return explain(error.exitCode, error.message, error.code);
  if (error instanceof ChandlerError) {
    // For a refused action the code's general advice about plans does not apply.
    if (error.code === 'invalid-input') return explain(exitCodes.usage, error.message, error.code);
    const text = `${error.message} (${error.code})\n${error.advice}`;
    return explain(exitCodes.failed, text, error.code);
  }
  if (error instanceof RunPausedError) return explain(exitCodes.failed, error.message, 'server-pause');
  if (isNotFound(error)) {
    const text = `no run with the id ${error.workflowId}; ${NOT_KNOWN}`;
    return explain(exitCodes.usage, text, 'not-found');
  }
  const grpc = grpcError(error);
  if (grpc?.code === GRPC.unavailable) {
    return explain(exitCodes.unreachable, SERVER_GONE);
  }
  if (grpc?.code === GRPC.invalidArgument) {
    return explain(exitCodes.usage, `the Temporal server refuses the request: ${oneLine(grpc.details)}`);
  }
  if (grpc?.code === GRPC.permissionDenied || grpc?.code === GRPC.unauthenticated) {
    const text = `the Temporal server does not let you: ${oneLine(grpc.details)}; see TEMPORAL_API_KEY and TEMPORAL_TLS_…`;
    return explain(exitCodes.failed, text, 'no-permission');
  }
  // An error of the native core, which only workers load.
  if (error instanceof Error && error.name === 'TransportError') {
    return explain(exitCodes.unreachable, `no Temporal server answers there: ${error.message}`);
  }
  if (isWorkerMissing(error)) {
    const text =
      'this installation has no worker, because optional packages were left out; install Chandler without --omit=optional';
    return explain(exitCodes.failed, text);
  }
  if (isNoWorker(error)) return explain(exitCodes.failed, NO_WORKER, 'no-worker');
  return explain(exitCodes.failed, reasonOf(error));
}

/** The first line of an explanation, where space is short. */
export function firstLine(error: unknown): string {
  return explainError(error).text.split('\n', 1)[0] ?? '';
}

function explain(exitCode: ExitCode, text: string, code: string = nameOfExitCode(exitCode)): Explanation {
  return { text, exitCode, code };
}

/**
 * Whether the server answers but no worker does: none polls the task queue, or all are very busy. A server that notices the
 * deadline first reports the request as cancelled (https://grpc.io/docs/guides/deadlines/#deadlines-on-the-server).
 */
export function isNoWorker(error: unknown): boolean {
  const code = grpcError(error)?.code;
  return code === GRPC.deadlineExceeded || code === GRPC.cancelled || code === GRPC.failedPrecondition;
}

/** Whether the optional package for workers, four fifths of an installation, is missing. */
function isWorkerMissing(error: unknown): boolean {
  if (!(error instanceof Error) || !error.message.includes("'@temporalio/worker'")) return false;
  return (error as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND';
}

/** Whether the server knows no run with that id. */
export function isNotFound(error: unknown): error is WorkflowNotFoundError {
  return isSdkError(error, 'WorkflowNotFoundError');
}

/** The SDK wraps gRPC errors in its own, so the status may be in the cause. */
function grpcError(error: unknown): { readonly code: number; readonly details: string } | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code, details } = error as { code?: unknown; details?: unknown };
  if (typeof code === 'number' && typeof details === 'string') return { code, details };
  return grpcError(error.cause);
}
