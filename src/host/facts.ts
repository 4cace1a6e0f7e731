/** What a probe found out about a host. Paths are the host's. */
export interface HostFacts {
  /** `uname -m`, e.g. `x86_64`, `aarch64`. */
  readonly arch: string;
  /** `PRETTY_NAME` of /etc/os-release, for people. */
  readonly os: string;
  /** Of the login user; 0 is root. */
  readonly uid: number;
  /** Changes with each boot. */
  readonly bootId: string;
  /** Where everything of Chandler lies. */
  readonly stateDir: string;
  /** The fixed ZMX_DIR of everything that Chandler starts. */
  readonly zmxDir: string;
  /** Which of the tools that the probe looks for are on PATH: bash, flock, script, tmux, curl, wget, tar, …. */
  readonly tools: readonly string[];
  /** A zmx that was there already: its path, and what `zmx version` said (may be empty). */
  readonly zmx?: { readonly path: string; readonly versionText: string };
}
