/** A plan's `target` with every reference resolved. */
export interface ResolvedTarget {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly auth: ResolvedAuth;
  readonly hostKey: HostKeyPolicy;
  /** The last jump host on the way, which may have its own. */
  readonly jump?: ResolvedTarget | undefined;
}

/** How to log in: by public key only. */
export type ResolvedAuth =
  /**
   * A private key in OpenSSH or PEM format. `source` is its name in messages. `certificate` is the name of an OpenSSH certificate
   * beside it, which is not offered, only named when the login is refused.
   */
  | {
      readonly kind: 'key';
      readonly privateKey: string;
      readonly source: string;
      readonly certificate?: string | undefined;
    }
  /** An ssh-agent. `socket` is the path of its unix socket. */
  | { readonly kind: 'agent'; readonly socket: string };

/** Which host keys are accepted. */
export type HostKeyPolicy =
  /** The key must be in one of these files, in the format of OpenSSH. */
  | { readonly kind: 'known-hosts'; readonly files: readonly string[] }
  /** The SHA256 fingerprint must be this one, `SHA256:…`. */
  | { readonly kind: 'pinned'; readonly fingerprint: string }
  /** An unknown key is recorded in the first file, which must belong to one route to the host only. */
  | { readonly kind: 'accept-new'; readonly files: readonly string[] };
