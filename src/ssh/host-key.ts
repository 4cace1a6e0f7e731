import { appendFileSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { ServerHostKeyAlgorithm } from 'ssh2';
import { messageOf, type ChandlerError } from '../domain/failure.ts';
import { addressOf } from '../domain/ids.ts';
import { failure } from './errors.ts';
import { judgePinned, knownHostsLine, refuse } from './host-key-refusal.ts';
import { keyTypeOf, lookUpHostKey, recordedKeyTypes } from './known-hosts.ts';
import type { HostKeyAnswer } from './known-hosts.ts';
import type { ResolvedTarget } from './target.ts';

/** Judges the host key of one connection. */
export interface HostKeyCheck {
  /** Host key algorithms to offer, best first: those with a recorded key come first, as OpenSSH does. */
  readonly algorithms: ServerHostKeyAlgorithm[];
  /**
   * For ssh2's `hostVerifier`: calls `done` exactly once, and with `true` only if the policy allows the key. Never
   * throws: whatever goes wrong in here refuses the key.
   */
  readonly verify: (keyBlob: Buffer, done: (ok: boolean) => void) => void;
  /** Why the key was refused, if it was. */
  readonly refusal: () => ChandlerError | undefined;
  /**
   * Records a key accepted as new. Call it only after the handshake: before that the host has not proven that it
   * owns the key (ssh2 asks the verifier before it checks the signature).
   *
   * @throws ChandlerError host-key-mismatch if another key was recorded meanwhile; host-key-unknown if the file
   * cannot be written.
   */
  readonly remember: () => void;
}

/** The parts of node:fs in use: all of them synchronous, so that look-up and append are one step in this process. */
export interface KnownHostsFiles {
  readonly read: (path: string) => string;
  readonly append: (path: string, text: string) => void;
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

/** The real files: a missing one reads as empty; a new one gets mode 0600 in a directory of mode 0700. */
export const realFiles: KnownHostsFiles = {
  read: (path) => {
    try {
      return readFileSync(path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
      throw error;
    }
  },
  append: (path, text) => {
    makeDirectory(dirname(path));
    appendFileSync(path, text, { mode: 0o600, flag: 'a' });
  },
};

/**
 * Prepares the check of a target's host key.
 *
 * @throws ChandlerError host-key-unknown, naming the file, if a known_hosts file exists but cannot be read.
 */
export function checkHostKey(target: ResolvedTarget, files: KnownHostsFiles = realFiles): HostKeyCheck {
  const { host, port, hostKey: policy } = target;
  const label = addressOf(target);
  const paths = policy.kind === 'pinned' ? [] : policy.files;
  const texts = paths.map((path) => ({ path, text: readOrRefuse(files, path, label) }));
  let accepted: Buffer | undefined;
  let isNew = false;
  let refusal: ChandlerError | undefined;

  const judge = (keyBlob: Buffer): boolean => {
    // Every rekey asks again: then it has to be the very same key.
    if (accepted) return accepted.equals(keyBlob);
    const refused =
      policy.kind === 'pinned' ? judgePinned(target, policy.fingerprint, keyBlob) : judgeRecorded(keyBlob);
    if (refused) refusal = refused;
    else accepted = Buffer.from(keyBlob);
    return refused === undefined;
  };

  const judgeRecorded = (keyBlob: Buffer): ChandlerError | undefined => {
    const { answer, path } = lookUpInAll(texts, host, port, keyBlob);
    isNew = answer.kind === 'unknown' && policy.kind === 'accept-new';
    return isNew || answer.kind === 'match' ? undefined : refuse(target, keyBlob, answer, path, texts);
  };

  return {
    algorithms: orderAlgorithms(texts.flatMap(({ text }) => recordedKeyTypes(text, host, port))),
    verify: (keyBlob, done) => {
      let ok = false;
      try {
        ok = judge(keyBlob);
      } catch (error) {
        refusal = failure(
          'host-key-unknown',
          label,
          `the check of the host's key failed: ${messageOf(error)}`,
          undefined,
          error,
        );
      }
      done(ok);
    },
    refusal: () => refusal,
    remember: () => {
      const [first] = paths;
      if (!isNew || !accepted || first === undefined) return;
      isNew = false;
      const again = paths.map((path) => ({ path, text: readOrRefuse(files, path, label) }));
      const { answer, path } = lookUpInAll(again, host, port, accepted);
      if (answer.kind === 'match') return;
      if (answer.kind !== 'unknown') throw refuse(target, accepted, answer, path, again);
      try {
        const text = again[0]?.text ?? '';
        files.append(
          first,
          `${text === '' || text.endsWith('\n') ? '' : '\n'}${knownHostsLine(target, accepted)}\n`,
        );
      } catch (error) {
        throw failure(
          'host-key-unknown',
          label,
          `the new host key could not be recorded in ${first}: ${messageOf(error)}`,
          `Make ${first} writable for the worker, or name another file.`,
          error,
        );
      }
    },
  };
}

/** One level only: node 20's recursive mkdir never returns where a directory cannot be made (in /proc). */
function makeDirectory(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

function readOrRefuse(files: KnownHostsFiles, path: string, label: string): string {
  try {
    return files.read(path);
  } catch (error) {
    throw failure(
      'host-key-unknown',
      label,
      `${path} cannot be read, so no host key can be trusted: ${messageOf(error)}`,
      `Make ${path} readable for the worker.`,
      error,
    );
  }
}

function orderAlgorithms(recorded: readonly string[]): ServerHostKeyAlgorithm[] {
  const wanted = recorded.flatMap((type) => (type === 'ssh-rsa' ? ['rsa-sha2-512', 'rsa-sha2-256'] : [type]));
  const known = OFFERED.filter((algorithm) => wanted.includes(algorithm));
  return [...known, ...OFFERED.filter((algorithm) => !known.includes(algorithm))];
}

/** Asks every file: revoked in one is revoked, then a match in one is a match, then a mismatch in one is a mismatch. */
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
  for (const kind of ['revoked', 'match', 'mismatch'] as const) {
    const found = answers.find(({ answer }) => answer.kind === kind);
    if (found) return found;
  }
  return { answer: { kind: 'unknown' }, path: '' };
}
