import { formatDuration } from '../text/duration.ts';

/** An action that an operator, or a program on their behalf, sent to the run. */
export interface AuditEntry {
  /** The name of the action. A refused signal may have any name. */
  readonly action: string;
  readonly step?: string;
  /**
   * Why it was refused and changed nothing; missing if it was accepted. Only signals are recorded as refused, because a refused
   * update answers its sender.
   */
  readonly refused?: string;
  readonly reason?: string;
  /** The sender: the identity that their client sends to the server. */
  readonly by?: string;
  /** Milliseconds since the epoch. */
  readonly atMs: number;
  /** `retryStep`: ended the latest launch and started another. */
  readonly force?: true;
  /** `retryStep`: replaced the plan's script. */
  readonly script?: true;
  /** `retryStep`: the names of the variables that were set. */
  readonly env?: readonly string[];
  /** `retryStep`: the other steps that were reset, because they need this one. */
  readonly reset?: readonly string[];
  /** `extendTimeout`: by how much. */
  readonly extendedByMs?: number;
  /** For an action on a fleet: the hosts, the wave or the value. */
  readonly about?: string;
}

/** Where actions are recorded. */
export interface Audited {
  readonly auditTrail: AuditEntry[];
  refusedActions?: number;
}

const MAX_ACCEPTED = 100;
const MAX_REFUSED = 20;

/** Adds an action to the audit trail. Old accepted and old refused actions are dropped separately; the history has them all. */
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
  const { action, step, force, script, env = [], reset = [], extendedByMs, about } = entry;
  const words = [
    action,
    ...(step === undefined ? [] : [step]),
    ...(extendedByMs === undefined ? [] : [`by ${formatDuration(extendedByMs)}`]),
    ...(about === undefined ? [] : [about]),
    ...(force ? ['by force'] : []),
    ...(script ? ['with another script'] : []),
    ...(env.length === 0 ? [] : [`with ${env.join(', ')} set`]),
  ];
  return `${words.join(' ')}${reset.length === 0 ? '' : `, then ${reset.join(', ')}`}`;
}
