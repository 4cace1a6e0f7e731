import { isRecord } from '../is-record.ts';
import { isFailureCode, type FailureCode } from '../run/failure.ts';

/** The signal with which the run of a host reports to its fleet. */
export const HOST_REPORT = 'hostReport';

/** In characters: a fleet keeps the failures of many hosts. */
export const MAX_FAILURE_LENGTH = 300;
const MAX_PART_LENGTH = 100;
const RUN_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const KINDS: readonly unknown[] = ['parked', 'unparked', 'once', 'over'] satisfies HostReport['kind'][];

/** Why a host of a fleet failed or needs attention. */
export interface HostFailure {
  readonly code: FailureCode;
  readonly message: string;
  /** The step that failed, if one did. */
  readonly step?: string;
}

/**
 * What the run of a host reports to its fleet. `once`: the steps that run on one host of the fleet are done. `over`: the run is
 * over; without a failure it succeeded.
 */
export interface HostReport {
  readonly workflowId: string;
  /** The run id of its first execution, which distinguishes the runs of a host. */
  readonly firstRunId: string;
  readonly kind: 'parked' | 'unparked' | 'once' | 'over';
  readonly failure?: HostFailure;
}

/** Returns why a report of any shape is invalid; undefined if it is valid. */
export function invalidReportReason(report: unknown): string | undefined {
  if (!isRecord(report)) return 'a report must be an object';
  const { workflowId, firstRunId, kind, failure } = report;
  if (typeof workflowId !== 'string') return 'workflowId must be the id of a run';
  if (typeof firstRunId !== 'string' || !RUN_ID.test(firstRunId)) return 'firstRunId must be a run id';
  if (!KINDS.includes(kind)) return `kind must be one of ${KINDS.join(', ')}`;
  return failure === undefined ? undefined : invalidFailureReason(failure);
}

function invalidFailureReason(failure: unknown): string | undefined {
  if (!isRecord(failure)) return 'failure must be an object';
  const { code, message, step } = failure;
  if (typeof code !== 'string' || !isFailureCode(code)) return 'failure.code must be a failure code';
  if (typeof message !== 'string' || message.length > MAX_FAILURE_LENGTH)
    return `failure.message must be text of at most ${MAX_FAILURE_LENGTH} characters`;
  if (step !== undefined && (typeof step !== 'string' || step.length > MAX_PART_LENGTH))
    return `failure.step must be text of at most ${MAX_PART_LENGTH} characters`;
  return undefined;
}
