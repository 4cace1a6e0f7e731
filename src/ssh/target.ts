/** What SSH reaches, with every reference resolved: the worker's view of a plan's `target`. */
export interface ResolvedTarget {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly auth: ResolvedAuth;
  readonly hostKey: HostKeyPolicy;
  /** A host to go through. */
  readonly jump?: ResolvedTarget;
}

/** With what to log in: by public key only, no passwords. */
export type ResolvedAuth =
  /** A private key in OpenSSH or PEM format. `source` is its name for messages. */
  | { readonly kind: 'key'; readonly privateKey: string; readonly source: string }
  /** An ssh-agent. `socket` is the path of its unix socket. */
  | { readonly kind: 'agent'; readonly socket: string };

/** Which host keys are good. Anything else is refused before a login. */
export type HostKeyPolicy =
  /** The key must be in one of these files (OpenSSH format; hashed entries, `@revoked` and `@cert-authority` are known). */
  | { readonly kind: 'known-hosts'; readonly files: readonly string[] }
  /** The SHA256 fingerprint must be this one, `SHA256:…`. */
  | { readonly kind: 'pinned'; readonly fingerprint: string }
  /** A key not seen before is recorded in the first file; a changed one is refused. */
  | { readonly kind: 'accept-new'; readonly files: readonly string[] };
