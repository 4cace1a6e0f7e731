/** A throw-away host; the content of its host.json. */
export interface SandboxHost {
  readonly name: string;
  readonly host: '127.0.0.1';
  readonly port: number;
  readonly user: 'root';
  /** The file of the private key. */
  readonly identity: string;
  readonly knownHosts: string;
  readonly hostKey: string;
  /** A container of Docker, or Linux namespaces of this machine. */
  readonly backend: 'docker' | 'namespace';
  readonly pid?: number;
  /** Clock ticks since boot: distinguishes `pid` from a later process with that id. */
  readonly startTime?: string;
  readonly container?: string;
  /** The host's `/` as this machine sees it. */
  readonly root?: string;
}

export type SandboxBackend = SandboxHost['backend'];

export interface ListedHost extends SandboxHost {
  readonly running: boolean;
}

/** `code` is null if a signal ended the command. */
export interface Output {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}
