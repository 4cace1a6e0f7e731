import type { CancellationScope } from '@temporalio/workflow';
import type { AuditEntry } from '../domain/run/audit-trail.ts';
import type { PartState } from '../domain/run/status.ts';
import type { Run } from './run.ts';
import type { RunSnapshot } from './snapshot.ts';

/** The result of a successful run. */
export interface ProvisionResult {
  readonly outcome: 'provisioned' | 'already-provisioned' | 'incomplete';
  readonly host: string;
  /** The digest of the plan's work, as written into the sentinel. */
  readonly digest: string;
  readonly steps: readonly {
    readonly name: string;
    readonly state: PartState;
    readonly attempt: number;
    readonly finalizer?: { readonly state: PartState; readonly attempt: number };
  }[];
  /** The latest 100 accepted actions, and the latest 20 refused ones. */
  readonly auditTrail: readonly AuditEntry[];
}

/** What makes one kind of run differ from another. */
export interface RunKind {
  /** Does the work of the run. What runs inside `continuable` can be left at any moment and continued from a snapshot. */
  work(run: Run, continuable: CancellationScope): Promise<ProvisionResult['outcome']>;
  continueAsNew(snapshot: RunSnapshot): Promise<never>;
  /** Called when the run is aborted or cancelled: finds launches on the host that the run has forgotten. */
  onCut?(run: Run, untilMs: number): Promise<void>;
  /** Ends what runs on the host without being a launch of Chandler's. */
  onAbort?(run: Run, untilMs: number): Promise<void>;
  /** The size of the workflow's arguments in a fresh history, without the snapshot, in bytes. */
  readonly inputBytes: () => number;
}
