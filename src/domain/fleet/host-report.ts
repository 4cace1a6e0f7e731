import type { FailureCode } from '../run/failure.ts';

/** The signal with which the run of a host reports to its fleet. */
export const HOST_REPORT = 'hostReport';

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
