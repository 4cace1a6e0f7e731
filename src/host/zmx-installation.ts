import type { ZmxSourceName } from './zmx-source-name.ts';

/** A zmx that works on the host. */
export interface ZmxInstallation {
  /** Absolute path on the host. */
  readonly path: string;
  /** `0.7.0` */
  readonly version: string;
  /** `existing`: it was there before and is never replaced. */
  readonly source: 'existing' | ZmxSourceName;
}
