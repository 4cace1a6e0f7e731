import { createHash, createHmac } from 'node:crypto';

export interface KnownHostLine {
  /** Counted from 1. */
  readonly line: number;
  readonly marker: '' | '@revoked' | '@cert-authority';
  readonly hosts: string;
  readonly keyType: string;
  readonly keyBlob: Buffer;
}

export type HostKeyAnswer =
  | { readonly kind: 'match'; readonly line: number }
  /** The host is recorded with another key, of type `keyType`. */
  | { readonly kind: 'mismatch'; readonly line: number; readonly keyType: string }
  | { readonly kind: 'revoked'; readonly line: number }
  | { readonly kind: 'unknown' };

const DEFAULT_PORT = 22;

/**
 * Parses a known_hosts file (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT"). Like OpenSSH, it skips malformed lines, including those
 * whose key has another type than the line names.
 */
export function parseKnownHosts(text: string): KnownHostLine[] {
  return text.split(/\r?\n/).flatMap((content, index) => {
    // OpenSSH separates fields by these only; other white space is part of a name.
    const fields = content.replace(/^[ \t]+/, '').split(/[ \t]+/);
    const marker = fields[0]?.startsWith('@') ? fields.shift() : '';
    if (marker !== '' && marker !== '@revoked' && marker !== '@cert-authority') return [];
    const [hosts, keyType, base64] = fields;
    if (!hosts || hosts.startsWith('#') || !keyType || !base64) return [];
    const keyBlob = Buffer.from(base64, 'base64');
    // Node ignores characters that are not base64; OpenSSH rejects the line.
    if (keyBlob.toString('base64') !== base64) return [];
    return keyTypeOf(keyBlob) === keyType ? [{ line: index + 1, marker, hosts, keyType, keyBlob }] : [];
  });
}

/** The numbers of the lines that {@link parseKnownHosts} skips, from 1, except comments and empty lines. */
export function malformedLines(text: string): number[] {
  const sound = new Set(parseKnownHosts(text).map(({ line }) => line));
  return text
    .split(/\r?\n/)
    .flatMap((content, index) => (/^[ \t]*(#|$)/.test(content) || sound.has(index + 1) ? [] : [index + 1]));
}

/**
 * Looks up an offered host key as OpenSSH does: for a port other than 22 a key recorded for the bare host matches too, but never
 * mismatches. A host that is recorded with other key types only is a `mismatch`: the client asks for recorded types first
 * ({@link recordedKeyTypes}), so the host would have offered its recorded key.
 */
export function lookUpHostKey(
  text: string,
  host: string,
  port: number,
  keyType: string,
  keyBlob: Uint8Array,
): HostKeyAnswer {
  const lines = parseKnownHosts(text);
  const answer = compareKey(linesFor(lines, hostName(host, port)), keyType, keyBlob);
  if (answer.kind !== 'unknown' || port === DEFAULT_PORT) return answer;
  const bare = compareKey(linesFor(lines, hostName(host, DEFAULT_PORT)), keyType, keyBlob);
  return bare.kind === 'mismatch' ? answer : bare;
}

/** The types of the plain keys recorded for a host, each once, in the order of the file. */
export function recordedKeyTypes(text: string, host: string, port: number): string[] {
  const lines = parseKnownHosts(text);
  const exact = linesFor(lines, hostName(host, port));
  const used = exact.some(isPlain) ? exact : linesFor(lines, hostName(host, DEFAULT_PORT));
  return [...new Set(used.filter(isPlain).map((line) => line.keyType))];
}

export function hasCertAuthority(text: string, host: string, port: number): boolean {
  const lines = linesFor(parseKnownHosts(text), hostName(host, port));
  return lines.some((line) => line.marker === '@cert-authority');
}

export function hostName(host: string, port: number): string {
  const lower = host.toLowerCase();
  return port === DEFAULT_PORT ? lower : `[${lower}]:${port}`;
}

/** The fingerprint of a public key blob as `ssh-keygen -l` prints it: `SHA256:` and base64 without padding. */
export function fingerprint(keyBlob: Uint8Array): string {
  return `SHA256:${createHash('sha256').update(keyBlob).digest('base64').replace(/=+$/, '')}`;
}

/** The type that a public key blob names itself (RFC 4253, 6.6); undefined if it is not a key blob. */
export function keyTypeOf(keyBlob: Uint8Array): string | undefined {
  const blob = Buffer.from(keyBlob.buffer, keyBlob.byteOffset, keyBlob.byteLength);
  if (blob.length < 5) return undefined;
  const end = 4 + blob.readUInt32BE(0);
  return end < blob.length ? blob.toString('latin1', 4, end) : undefined;
}

function isPlain(line: KnownHostLine): boolean {
  return line.marker === '';
}

function linesFor(lines: readonly KnownHostLine[], name: string): KnownHostLine[] {
  return lines.filter((line) =>
    line.hosts.startsWith('|') ? isHashOf(line.hosts, name) : isListed(line.hosts, name),
  );
}

function compareKey(lines: readonly KnownHostLine[], keyType: string, keyBlob: Uint8Array): HostKeyAnswer {
  const same = lines.filter((line) => line.keyType === keyType && line.keyBlob.equals(keyBlob));
  const revoked = same.find((line) => line.marker === '@revoked');
  if (revoked) return { kind: 'revoked', line: revoked.line };
  const match = same.find(isPlain);
  if (match) return { kind: 'match', line: match.line };
  const plain = lines.filter(isPlain);
  const other = plain.find((line) => line.keyType === keyType) ?? plain[0];
  return other ? { kind: 'mismatch', line: other.line, keyType: other.keyType } : { kind: 'unknown' };
}

/** Compares with `|1|salt|HMAC-SHA1(salt, name)`. */
function isHashOf(hashed: string, name: string): boolean {
  const [, version, salt, hash] = hashed.split('|');
  if (version !== '1' || !salt || !hash) return false;
  const digest = createHmac('sha1', Buffer.from(salt, 'base64')).update(name).digest();
  return digest.equals(Buffer.from(hash, 'base64'));
}

/** Compares with a comma list of patterns; a matching negated pattern excludes the line. */
function isListed(hosts: string, name: string): boolean {
  const patterns = hosts.toLowerCase().split(',');
  if (patterns.some((pattern) => pattern.startsWith('!') && fits(pattern.slice(1), name))) return false;
  return patterns.some((pattern) => !pattern.startsWith('!') && fits(pattern, name));
}

/** Matches `*` and `?` without a regular expression's backtracking: a hostile line can't stall the worker. */
function fits(pattern: string, name: string): boolean {
  let p = 0;
  let n = 0;
  let star = -1;
  let resume = 0;
  while (n < name.length) {
    if (pattern[p] === '*') {
      star = p++;
      resume = n;
    } else if (pattern[p] === '?' || pattern[p] === name[n]) {
      p++;
      n++;
    } else if (star >= 0) {
      p = star + 1;
      n = ++resume;
    } else return false;
  }
  while (pattern[p] === '*') p++;
  return p === pattern.length;
}
