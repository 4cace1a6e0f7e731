import {
  appendFileSync,
  closeSync,
  constants,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import type { ServerHostKeyAlgorithm } from 'ssh2';
import { messageOf, type ChandlerError } from '../domain/run/failure.ts';
import { addressOf } from '../domain/run/ids.ts';
import { failure } from './ssh-failure.ts';
import { checkPinned, knownHostsLine, refuse } from './host-key-refusal.ts';
import { keyTypeOf, lookUpHostKey, recordedKeyTypes, type HostKeyAnswer } from './known-hosts.ts';
import type { ResolvedTarget } from './resolved-target.ts';

/** Checks the host key of one connection. */
export interface HostKeyCheck {
  /** The algorithms to offer: those with a recorded key first, as OpenSSH does. */
  readonly algorithms: ServerHostKeyAlgorithm[];
  /** For ssh2's `hostVerifier`: calls `done` exactly once. An error in here refuses the key. */
  readonly verify: (keyBlob: Buffer, done: (ok: boolean) => void) => void;
  readonly refusal: () => ChandlerError | undefined;
  /**
   * Records a new key. To be called after the handshake, because ssh2 calls the verifier before it checks that the host owns the
   * key.
   */
  readonly remember: () => void;
}

/** Host key algorithms, best first. ssh-rsa (SHA-1 signatures) and ssh-dss are not offered. */
export const OFFERED: readonly ServerHostKeyAlgorithm[] = [
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'rsa-sha2-512',
  'rsa-sha2-256',
];

/** In bytes: enough for 100,000 hosts. */
const MAX_BYTES = 32 * 1024 * 1024;

/** Reads a known_hosts file: without blocking on a pipe, and without reading a device such as /dev/null. */
export function readKnownHosts(path: string): string {
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  try {
    const about = fstatSync(file);
    if (about.isCharacterDevice()) return '';
    if (!about.isFile()) throw new Error('it is not a regular file');
    if (about.size > MAX_BYTES) throw new Error(`it is larger than ${MAX_BYTES} bytes`);
    return readFileSync(file, 'utf8');
  } finally {
    closeSync(file);
  }
}

/**
 * Prepares the check of a host's key. File access is synchronous, so that look-up and append are one step in this process.
 * @throws ChandlerError host-key-unknown
 */
export function checkHostKey(target: ResolvedTarget): HostKeyCheck {
  const { host, port, hostKey: policy } = target;
  const label = addressOf(target);
  const paths = policy.kind === 'pinned' ? [] : policy.files;
  const readAll = () => paths.map((path) => ({ path, text: readOrRefuse(path, label) }));
  const texts = readAll();
  let accepted: Buffer | undefined;
  let isNew = false;
  let refusal: ChandlerError | undefined;

  const check = (keyBlob: Buffer): boolean => {
    // ssh2 calls this again at every rekey.
    if (accepted) return accepted.equals(keyBlob);
    const refused =
      policy.kind === 'pinned' ? checkPinned(target, policy.fingerprint, keyBlob) : checkRecorded(keyBlob);
    if (refused) refusal = refused;
    else accepted = Buffer.from(keyBlob);
    return refused === undefined;
  };

  const checkRecorded = (keyBlob: Buffer): ChandlerError | undefined => {
    const { answer, path } = lookUpInAll(texts, host, port, keyBlob);
    isNew = answer.kind === 'unknown' && policy.kind === 'accept-new';
    return isNew || answer.kind === 'match' ? undefined : refuse(target, keyBlob, answer, path, texts);
  };

  return {
    algorithms: orderAlgorithms(texts.flatMap(({ text }) => recordedKeyTypes(text, host, port))),
    verify: (keyBlob, done) => {
      let ok = false;
      try {
        ok = check(keyBlob);
      } catch (error) {
        const what = `the check of the host's key failed: ${messageOf(error)}`;
        refusal = failure('host-key-unknown', label, what, undefined, error);
      }
      done(ok);
    },
    refusal: () => refusal,
    remember: () => {
      const [first] = paths;
      if (!isNew || !accepted || first === undefined) return;
      isNew = false;
      const again = readAll();
      const { answer, path } = lookUpInAll(again, host, port, accepted);
      if (answer.kind === 'match') return;
      if (answer.kind !== 'unknown') throw refuse(target, accepted, answer, path, again);
      try {
        const lineEnd = /[^\n]$/.test(again[0]?.text ?? '') ? '\n' : '';
        makeDirectoryOf(first);
        appendFileSync(first, `${lineEnd}${knownHostsLine(target, accepted)}\n`, { mode: 0o600 });
      } catch (error) {
        const what = `the new host key could not be recorded in ${first}: ${messageOf(error)}`;
        const advice = `Make ${first} writable for the worker, or name another file.`;
        throw failure('host-key-unknown', label, what, advice, error);
      }
    },
  };
}

/** Makes the directory of a file, and the one above it: node 20's recursive mkdir never returns for a path in /proc. */
export function makeDirectoryOf(path: string): void {
  for (const directory of [dirname(dirname(path)), dirname(path)])
    try {
      mkdirSync(directory, { mode: 0o700 });
    } catch (error) {
      // A read-only file system reports EROFS even if the directory exists.
      if (!existsSync(directory)) throw error;
    }
}

function readOrRefuse(path: string, label: string): string {
  try {
    return readKnownHosts(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    const what = `${path} cannot be read, so no host key can be trusted: ${messageOf(error)}`;
    throw failure('host-key-unknown', label, what, `Make ${path} readable for the worker.`, error);
  }
}

function orderAlgorithms(recorded: readonly string[]): ServerHostKeyAlgorithm[] {
  const wanted = recorded.flatMap((type) => (type === 'ssh-rsa' ? ['rsa-sha2-512', 'rsa-sha2-256'] : [type]));
  const known = OFFERED.filter((algorithm) => wanted.includes(algorithm));
  return [...known, ...OFFERED.filter((algorithm) => !known.includes(algorithm))];
}

/** Looks up a key in every file: `revoked` in one outranks a match in another, which outranks a mismatch. */
function lookUpInAll(
  texts: readonly { path: string; text: string }[],
  host: string,
  port: number,
  keyBlob: Buffer,
): { answer: HostKeyAnswer; path: string } {
  const answers = texts.map(({ path, text }) => ({
    path,
    answer: lookUpHostKey(text, host, port, keyTypeOf(keyBlob) ?? '', keyBlob),
  }));
  const ranked = ['revoked', 'match', 'mismatch'].map((kind) =>
    answers.find((it) => it.answer.kind === kind),
  );
  return ranked.find(Boolean) ?? { answer: { kind: 'unknown' }, path: '' };
}
