import type { Launch } from '../domain/run/ids.ts';
import type { LaunchState } from '../domain/run/launch-state.ts';
import type { PartFailure } from '../domain/run/status.ts';
import type { ScriptState } from '../host/script-state.ts';

/** A launch of a self-provisioning script. */
export interface ScriptPart {
  readonly launch: Launch;
  readonly state: LaunchState;
  /** The part's outcome as the script recorded it; missing until then. */
  readonly outcome?: string;
  /** Set once it has failed for good. */
  readonly failure?: PartFailure;
}

export interface ScriptView {
  /** Missing on a host without a script, or before it has started. */
  readonly script?: ScriptState;
  readonly sentinelPath: string;
  /** The content of the sentinel; read only if the script has succeeded or there is no script. */
  readonly sentinel?: string;
  /** The parts that have begun. */
  readonly parts: readonly ScriptPart[];
  /** A fingerprint of everything above. */
  readonly seen: string;
}
