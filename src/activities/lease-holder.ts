/** Who holds the lease of a host. */
export interface LeaseHolder {
  readonly namespace: string;
  /** Distinguishes namespaces of the same name on different servers. Workers know it, workflows do not. */
  readonly namespaceId?: string;
  readonly workflowId: string;
  readonly firstRunId: string;
  /** The digest of the plan: the next run with the same one continues the launches. */
  readonly digest?: string;
  /** The owner in the ids of its launches. Default: `firstRunId`. */
  readonly owner?: string;
  /** The former content of the lease, while the launches of that holder are being ended. */
  readonly replaces?: string;
}

const REQUIRED = ['namespace', 'workflowId', 'firstRunId'] as const satisfies (keyof LeaseHolder)[];
const OPTIONAL = ['namespaceId', 'digest', 'owner', 'replaces'] as const satisfies (keyof LeaseHolder)[];

/** A holder as the one word that the host stores. */
export function encodeHolder(holder: LeaseHolder): string {
  return Buffer.from(JSON.stringify(holder, [...REQUIRED, ...OPTIONAL])).toString('base64url');
}

/** Decodes the content of a lease file; undefined if Chandler did not write it. */
export function decodeHolder(word: string): LeaseHolder | undefined {
  try {
    const value = Object(JSON.parse(Buffer.from(word, 'base64url').toString('utf8'))) as LeaseHolder;
    const texts = [...REQUIRED, ...OPTIONAL].filter((key) => typeof value[key] === 'string');
    if (!REQUIRED.every((key) => texts.includes(key))) return undefined;
    return Object.fromEntries(texts.map((key) => [key, value[key]])) as unknown as LeaseHolder;
  } catch {
    return undefined;
  }
}

/** The lease of a run that continues no launches of others. */
export function leaseWord(holder: LeaseHolder): string {
  return encodeHolder({ ...holder, owner: holder.firstRunId });
}
