/**
 * What a run would come to. `nothing-to-do`: the host counts as provisioned. `drifted`: it does, but the check of a step says
 * no. `would-fail`: it would be refused, or fail, as the host and the worker are now. `unknown`: the host, or a check on a
 * provisioned host, could not be asked.
 */
export type DiffOutcome = 'nothing-to-do' | 'drifted' | 'would-run' | 'would-fail' | 'unknown';

/** One thing on the host, and what a run would do about it. */
export interface DiffRow {
  /** `host`, `lease`, `leftover`, `sentinel`, `marker`, `zmx`, `step` or `finalizer`. */
  readonly kind: string;
  /** Of the step, finalizer or leftover. */
  readonly name?: string;
  /** `keep`: nothing. `drift`: nothing, though its check says no. `do`: run, install, write. `wait`: for something that is under way. `fail`: the run ends there. */
  readonly would: 'keep' | 'drift' | 'do' | 'wait' | 'fail' | 'unknown';
  readonly says: string;
}

/** What a run of a plan would do on one host. */
export interface Diff {
  readonly host: string;
  readonly plan: string;
  readonly digest: string;
  readonly outcome: DiffOutcome;
  /** The outcome in one line. */
  readonly says: string;
  readonly rows: readonly DiffRow[];
}
