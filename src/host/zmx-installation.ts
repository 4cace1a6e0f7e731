/** A zmx that answered `version` on the host. */
export interface ZmxInstallation {
  /** Absolute path on the host. */
  readonly path: string;
  /** `0.7.0` */
  readonly version: string;
  /** Where it came from: `existing` was there before and is never replaced. */
  readonly source: 'existing' | 'release' | 'file' | 'tmux';
}
