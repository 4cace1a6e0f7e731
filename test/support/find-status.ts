import type { ChandlerClient } from '../../src/client.ts';
import type { RunStatus } from '../../src/domain/status.ts';

/** Where a run is; nothing while nobody answers, since whoever looks will look again. */
export function findStatus(client: ChandlerClient, id: string): Promise<RunStatus | undefined> {
  return client.status(id).catch(() => undefined);
}
