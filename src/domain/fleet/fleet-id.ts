const PREFIX = 'fleet:';

/** The workflow id of a fleet. With one id for each name, the server itself refuses a second rollout. */
export function fleetWorkflowId(name: string): string {
  return name.startsWith(PREFIX) ? name : `${PREFIX}${name}`;
}
