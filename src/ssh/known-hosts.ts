import { createHash, createHmac } from 'node:crypto';

/** One usable line of a known_hosts file. */
export interface KnownHostLine {
  /** Number of the line in its file, from 1. */
  readonly line: number;
  readonly marker: 'none' | 'revoked' | 'cert-authority';
  readonly hosts: string;
  readonly keyType: string;
  readonly keyBlob: Buffer;
}

/** What known_hosts says about an offered key; `line` is where it says so. */
export type HostKeyAnswer =
  | { readonly kind: 'match'; readonly line: number }
  /** The host is recorded, but not with this key. `keyType` is the type recorded on that line. */
  | { readonly kind: 'mismatch'; readonly line: number; readonly keyType: string }
  | { readonly kind: 'revoked'; readonly line: number }
  | { readonly kind: 'unknown' };

const DEFAULT_PORT = 22;
const MARKERS = { '@revoked': 'revoked', '@cert-authority': 'cert-authority' } as const;

/**
 * Reads the text of a known_hosts file (format: sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT"). Comments, empty lines and
 * lines that make no sense are left out, as OpenSSH does; so is a key whose blob says another type than its line.
 */
export function parseKnownHosts(text: string): KnownHostLine[] {
  return text.split(/\r?\n/).flatMap((content, index) => {
    // Only blanks and tabs part the fields: another kind of space is part of a name, as OpenSSH reads it.
    const fields = content.replace(/^[ \t]+/, '').split(/[ \t]+/);
    const marker = readMarker(fields);
    const [hosts, keyType, base64] = marker === 'none' ? fields : fields.slice(1);
    if (marker === 'junk' || hosts === undefined || hosts.startsWith('#')) return [];
    if (keyType === undefined || base64 === undefined) return [];
    const keyBlob = Buffer.from(base64, 'base64');
    // Node reads on past what is no base64, OpenSSH takes no such line.
    if (keyBlob.toString('base64') !== base64) return [];
    return keyTypeOf(keyBlob) === keyType ? [{ line: index + 1, marker, hosts, keyType, keyBlob }] : [];
  });
}

/** The numbers of the lines that say something and make no sense, from 1: they are passed over. */
export function malformedLines(text: string): number[] {
  const sound = new Set(parseKnownHosts(text).map(({ line }) => line));
  return text.split(/\r?\n/).flatMap((content, index) => {
    const said = content.replace(/^[ \t]+/, '');
    return said === '' || said.startsWith('#') || sound.has(index + 1) ? [] : [index + 1];
  });
}

/**
 * Looks up an offered host key as OpenSSH does: a key revoked for this host is refused before all else, a
 * certificate authority's line never counts as a plain key, and for a port other than 22 a key recorded for the bare
 * host is good too (but never a reason to refuse).
 *
 * A host that is recorded with keys of other types only is a `mismatch`: the client asks for recorded types first
 * ({@link recordedKeyTypes}), so a host that still has its key would have offered it.
 */
export function lookUpHostKey(
  text: string,
  host: string,
  port: number,
  keyType: string,
  keyBlob: Uint8Array,
): HostKeyAnswer {
  const lines = parseKnownHosts(text);
  const answer = judge(linesFor(lines, hostName(host, port)), keyType, keyBlob);
  if (answer.kind !== 'unknown' || port === DEFAULT_PORT) return answer;
  const bare = judge(linesFor(lines, hostName(host, DEFAULT_PORT)), keyType, keyBlob);
  return bare.kind === 'mismatch' ? answer : bare;
}

/** The types of the plain keys recorded for a host, each once, in the order of the file. */
export function recordedKeyTypes(text: string, host: string, port: number): string[] {
  const lines = parseKnownHosts(text);
  const exact = linesFor(lines, hostName(host, port));
  const used = exact.some(isPlain) ? exact : linesFor(lines, hostName(host, DEFAULT_PORT));
  return [...new Set(used.filter(isPlain).map((line) => line.keyType))];
}

/** Whether a certificate authority is recorded for the host: worth a word, since ssh2 knows no certificates. */
export function hasCertAuthority(text: string, host: string, port: number): boolean {
  return linesFor(parseKnownHosts(text), hostName(host, port)).some(
    (line) => line.marker === 'cert-authority',
  );
}

/** The name under which known_hosts records a host: bare for port 22, else `[host]:port`; in lower case. */
export function hostName(host: string, port: number): string {
  const lower = host.toLowerCase();
  return port === DEFAULT_PORT ? lower : `[${lower}]:${port}`;
}

/** The fingerprint of a public key blob as `ssh-keygen -l` prints it: `SHA256:` and base64 without padding. */
export function fingerprint(keyBlob: Uint8Array): string {
  return `SHA256:${createHash('sha256').update(keyBlob).digest('base64').replace(/=+$/, '')}`;
}

/** The type that a public key blob names itself (RFC 4253, 6.6); undefined if it is no key blob. */
export function keyTypeOf(keyBlob: Uint8Array): string | undefined {
  const blob = Buffer.from(keyBlob.buffer, keyBlob.byteOffset, keyBlob.byteLength);
  if (blob.length < 5) return undefined;
  const end = 4 + blob.readUInt32BE(0);
  return end < blob.length ? blob.toString('latin1', 4, end) : undefined;
}

function readMarker(fields: readonly string[]): KnownHostLine['marker'] | 'junk' {
  const first = fields[0] ?? '';
  if (!first.startsWith('@')) return 'none';
  return first === '@revoked' || first === '@cert-authority' ? MARKERS[first] : 'junk';
}

function isPlain(line: KnownHostLine): boolean {
  return line.marker === 'none';
}

function linesFor(lines: readonly KnownHostLine[], name: string): KnownHostLine[] {
  return lines.filter((line) =>
    line.hosts.startsWith('|') ? isHashOf(line.hosts, name) : isListed(line.hosts, name),
  );
}

function judge(lines: readonly KnownHostLine[], keyType: string, keyBlob: Uint8Array): HostKeyAnswer {
  const same = lines.filter((line) => line.keyType === keyType && line.keyBlob.equals(keyBlob));
  const revoked = same.find((line) => line.marker === 'revoked');
  if (revoked) return { kind: 'revoked', line: revoked.line };
  const match = same.find(isPlain);
  if (match) return { kind: 'match', line: match.line };
  const plain = lines.filter(isPlain);
  const other = plain.find((line) => line.keyType === keyType) ?? plain[0];
  return other ? { kind: 'mismatch', line: other.line, keyType: other.keyType } : { kind: 'unknown' };
}

/** Compares with a hashed name, `|1|salt|HMAC-SHA1(salt, name)`. */
function isHashOf(hashed: string, name: string): boolean {
  const [, version, salt, hash] = hashed.split('|');
  if (version !== '1' || !salt || !hash) return false;
  return createHmac('sha1', Buffer.from(salt, 'base64'))
    .update(name)
    .digest()
    .equals(Buffer.from(hash, 'base64'));
}

/** Compares with a comma list of patterns; one negated pattern that fits rules the whole line out. */
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
