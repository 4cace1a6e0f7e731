/** The facts that a probe reports about a host. Paths are the host's. */
export interface HostFacts {
  /** The output of `uname -m`, e.g. `x86_64`, `aarch64`. */
  readonly arch: string;
  /** `PRETTY_NAME` of /etc/os-release, for people. */
  readonly os: string;
  /** User id of the login; 0 is root. */
  readonly uid: number;
  /** Differs after each boot. */
  readonly bootId: string;
  /** The directory of everything that Chandler keeps on the host. */
  readonly stateDir: string;
  /** The fixed ZMX_DIR of Chandler's sessions. */
  readonly zmxDir: string;
  /** Which of bash, script (of util-linux), tmux, curl, wget and tar are on PATH. */
  readonly tools: readonly string[];
  /** The host's own zmx: its path and the output of `zmx version`, which may be empty. */
  readonly zmx?: { readonly path: string; readonly versionText: string };
}
