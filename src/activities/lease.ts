import { ChandlerError } from '../domain/failure.ts';
import { plainText } from '../domain/terminal.ts';
import type { Host } from '../host/host.ts';
import { quoteOperand } from '../shell/index.ts';
import type { LeaseHolder } from './types.ts';

/** A holder as the one word that the host stores. */
export function encodeHolder(holder: LeaseHolder): string {
  const { namespace, namespaceId, workflowId, firstRunId } = holder;
  const text = JSON.stringify({ namespace, namespaceId, workflowId, firstRunId });
  return Buffer.from(text).toString('base64url');
}

/** Reads what the host stores; nothing if it was not written by us. */
export function decodeHolder(word: string): LeaseHolder | undefined {
  try {
    const value = JSON.parse(Buffer.from(word, 'base64url').toString('utf8')) as LeaseHolder;
    const { namespace, namespaceId, workflowId, firstRunId } = value;
    const isHolder = [namespace, workflowId, firstRunId].every((part) => typeof part === 'string');
    if (!isHolder) return undefined;
    return {
      namespace,
      workflowId,
      firstRunId,
      ...(typeof namespaceId === 'string' && { namespaceId }),
    };
  } catch {
    return undefined;
  }
}

/**
 * Takes the host for one run. A lease outlives a workflow that was terminated, so its holder is looked up: one that
 * is over is replaced. A script at work on the same plan leaves it to us.
 *
 * @throws ChandlerError lease-held, naming the holder
 */
export async function takeLease(
  host: Host,
  holder: LeaseHolder,
  isOpen: (holder: LeaseHolder) => Promise<boolean>,
  digest?: string,
): Promise<void> {
  const mine = encodeHolder(holder);
  const first = await host.lease(mine);
  if (first.ours) return;
  if (first.holder.startsWith(SCRIPT_HOLDER)) await sendScriptAway(host, digest);
  const other = decodeHolder(first.holder);
  // An engine runs one workflow of an id at a time: an earlier run of ours is over.
  const sameWorkflow = other?.namespaceId === holder.namespaceId && other?.workflowId === holder.workflowId;
  if (other && !sameWorkflow && (await isOpen(other))) throw leaseHeld(host, other);
  const second = await host.lease(mine, first.holder);
  if (!second.ours) throw leaseHeld(host, decodeHolder(second.holder));
}

/** How the holder of a script begins (see provision.sh). */
export const SCRIPT_HOLDER = 'script:';
/** Seconds. It may be fetching zmx, and hears nothing meanwhile. */
const SCRIPT_LEAVES_IN_S = 40;

async function sendScriptAway(host: Host, digest: string | undefined): Promise<void> {
  const script = await host.readScript();
  if (!script?.alive) return;
  if (script.digest === digest && (await host.endScript('leave', SCRIPT_LEAVES_IN_S))) return;
  throw new ChandlerError('lease-held', `the host's own provisioning script is at work in ${host.stateDir}`, {
    facts: {
      advice:
        'Follow it with `chandler watch-host`, or end it on the host with the argument `stop`; then start again.',
    },
  });
}

function leaseHeld(host: Host, other: LeaseHolder | undefined): ChandlerError {
  const who = other
    ? `workflow ${other.workflowId} (run ${other.firstRunId}, namespace ${other.namespace})`
    : 'somebody';
  return new ChandlerError('lease-held', `${who} holds ${host.stateDir}`, {
    facts: {
      advice: `Wait for that run, or end it with: chandler abort ${quoteOperand(plainText(other?.workflowId ?? 'ID'))}. If it can't be asked any more, remove ${host.stateDir}/lease on the host.`,
    },
  });
}
