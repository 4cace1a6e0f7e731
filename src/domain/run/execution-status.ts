/**
 * Whether a workflow with this status (Temporal: WorkflowExecutionStatus) may still do something. One that is held by Temporal's
 * workflow pause does, once it is unpaused.
 */
export function isOpenStatus(status: string): boolean {
  return status === 'RUNNING' || status === 'PAUSED';
}

/** The visibility query for it: servers without workflow pause refuse the name of that status. */
export const OPEN_QUERY = 'CloseTime IS NULL';
