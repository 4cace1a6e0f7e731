/** What a probe found out about a host. Paths are the host's. */
export interface HostFacts {
  /** `uname -m`, e.g. `x86_64`, `aarch64`. */
  readonly arch: string;
  readonly os: string;
  readonly uid: number;
  readonly bootId: string;
  readonly stateDir: string;
  /** The fixed ZMX_DIR of everything that Chandler starts. */
  readonly zmxDir: string;
  /** Which of the tools that the probe looks for are on PATH: bash, flock, script, tmux, curl, wget, tar, …. */
  readonly tools: readonly string[];
  /** A zmx that was there already: its path, and what `zmx version` said (may be empty). */
  readonly zmx?: { readonly path: string; readonly versionText: string };
}
