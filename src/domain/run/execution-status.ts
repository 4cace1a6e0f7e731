/**
 * Whether a workflow with this status (Temporal: WorkflowExecutionStatus) is still open. A workflow that Temporal's workflow
 * pause holds is: it continues once it is unpaused.
 */
export function isOpenStatus(status: string): boolean {
  return status === 'RUNNING' || status === 'PAUSED';
}

/** Whether the server has ended a workflow with this status without letting it end its steps. */
export function isCutOff(status: string): boolean {
  return status === 'TERMINATED' || status === 'TIMED_OUT';
}

/** The visibility query for open workflows. It names no status, because servers without workflow pause refuse the name PAUSED. */
export const OPEN_QUERY = 'CloseTime IS NULL';
