import type { ChandlerClient } from '../../src/client.ts';
import type { RunStatus } from '../../src/domain/run/status.ts';

/** The status of a run, or undefined while the query fails, for callers that poll. */
export function findStatus(client: ChandlerClient, id: string): Promise<RunStatus | undefined> {
  return client.status(id).catch(() => undefined);
}
