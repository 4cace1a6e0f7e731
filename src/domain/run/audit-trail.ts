import { formatDuration } from '../text/duration.ts';

/** An action that an operator, or a program in their name, sent to the run. */
export interface AuditEntry {
  /** The name of the action; of a refused signal, whatever name it had. */
  readonly action: string;
  readonly step?: string;
  /** Why it was refused and changed nothing; missing if it was accepted. Only refused signals are recorded: a refused update answers its sender. */
  readonly refused?: string;
  readonly reason?: string;
  /** Who sent it, as their client calls itself to the server (Temporal: the identity of the event). */
  readonly by?: string;
  /** Milliseconds since the epoch. */
  readonly atMs: number;
  /** Of `retryStep`: ended the latest launch and started another. */
  readonly force?: true;
  /** Of `retryStep`: replaced the plan's script. */
  readonly script?: true;
  /** Of `retryStep`: the names of the variables that were set. */
  readonly env?: readonly string[];
  /** Of `retryStep`: the other steps that were reset, because they need this one. */
  readonly reset?: readonly string[];
  /** Of `extendTimeout`: by how much. */
  readonly extendedByMs?: number;
}

interface Audited {
  readonly auditTrail: AuditEntry[];
  refusedActions?: number;
}

const MAX_ACCEPTED = 100;
const MAX_REFUSED = 20;

/** Adds an action to the audit trail, which forgets old accepted and old refused ones separately; the history has them. */
export function recordAction(status: Audited, action: AuditEntry): void {
  const { auditTrail } = status;
  const isRefused = action.refused !== undefined;
  if (isRefused) status.refusedActions = (status.refusedActions ?? 0) + 1;
  auditTrail.push(action);
  const isAlike = ({ refused }: AuditEntry) => (refused !== undefined) === isRefused;
  if (auditTrail.filter(isAlike).length > (isRefused ? MAX_REFUSED : MAX_ACCEPTED))
    auditTrail.splice(auditTrail.findIndex(isAlike), 1);
}

export function acceptedActions({ auditTrail }: Pick<Audited, 'auditTrail'>): AuditEntry[] {
  return auditTrail.filter(({ refused }) => refused === undefined);
}

/** `anna@laptop: retryStep app with MIRROR set, then web (the mirror is back)` */
export function describeAuditEntry(entry: Omit<AuditEntry, 'atMs'>): string {
  const { by = 'unknown sender', reason, refused } = entry;
  const outcome = refused === undefined ? '' : ` refused: ${refused}`;
  return `${by}: ${describeAction(entry)}${reason === undefined ? '' : ` (${reason})`}${outcome}`;
}

/** `retryStep app with MIRROR set, then web` */
export function describeAction(entry: Omit<AuditEntry, 'atMs'>): string {
  const { action, step, force, script, env = [], reset = [], extendedByMs } = entry;
  const words = [
    action,
    ...(step === undefined ? [] : [step]),
    ...(extendedByMs === undefined ? [] : [`by ${formatDuration(extendedByMs)}`]),
    ...(force ? ['by force'] : []),
    ...(script ? ['with another script'] : []),
    ...(env.length === 0 ? [] : [`with ${env.join(', ')} set`]),
  ];
  return `${words.join(' ')}${reset.length === 0 ? '' : `, then ${reset.join(', ')}`}`;
}
