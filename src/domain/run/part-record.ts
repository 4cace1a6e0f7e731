import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import { fileDigestOf } from '../plan/files.ts';
import type { ResolvedStep } from '../plan/resolve-plan.ts';
import type { Launch } from './ids.ts';

/** What a host records about a step or a finalizer of a plan. */
export interface PartRecord {
  /** The digest of what the part is: 20 hex digits. */
  readonly digest: string;
  /** The id of its latest launch; `-` if its check was satisfied and it has never been launched. */
  readonly launch: string;
  /** The launches on which it depended: of the steps that it needs; for a finalizer, of all steps. */
  readonly needs: readonly string[];
  /** Whether the launch ended with exit code 0, or its check was satisfied since. */
  readonly isDone: boolean;
}

/** What a host must record about a part before the part begins, or when its check is satisfied. */
export interface RecordEntry {
  /** The plan's directory and the part's file: `web/step.packages`. */
  readonly place: string;
  readonly digest: string;
  readonly needs: readonly string[];
  /** The latest launch before; it stays the latest one if the check is satisfied. */
  readonly former: string;
}

export const NO_LAUNCH = '-';

/** The name of a plan's directory of records. A name that cannot be a plain file name is hashed. */
export function recordsName(planName = 'unnamed'): string {
  return /^[A-Za-z0-9][A-Za-z0-9_.-]{0,39}$/.test(planName) ? planName : `=${shortHash(planName)}`;
}

/** The name of a part's record: `step.packages`, `finalizer.packages`. */
export function recordName({ step, kind }: Pick<Launch, 'step' | 'kind'>): string {
  return `${kind}.${step}`;
}

/**
 * The digest of what a part is: its script, files, environment and secret references, 20 hex digits. Timeouts, retries, the check and the
 * values of secrets do not count. The user as whom it runs has a state directory of its own.
 */
export function partDigest(step: ResolvedStep, kind: Launch['kind']): string {
  const { script, files, finalize = '', env, secrets } = step;
  const common = [sorted(env), sorted(secrets)];
  const own =
    kind === 'step' ? [script, ...common, ...(files ?? []).map(fileDigestOf)] : [finalize, ...common];
  return shortHash(JSON.stringify(own));
}

/** Whether a part is done as it is now, and nothing on which it depends was launched since. */
export function isUnchanged(record: PartRecord, digest: string, needs: readonly string[]): boolean {
  return record.isDone && record.digest === digest && needs.every((need) => record.needs.includes(need));
}

function sorted(values: Readonly<Record<string, string>>): [string, string][] {
  return Object.entries(values).sort(([a], [b]) => (a < b ? -1 : 1));
}

function shortHash(text: string): string {
  return bytesToHex(sha256(utf8ToBytes(text))).slice(0, 20);
}
