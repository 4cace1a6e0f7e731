import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { ChandlerError } from '../domain/failure.ts';
import type { FailureCode } from '../domain/failure.ts';
import { sh } from '../shell/index.ts';
import type { Executor, Outcome } from './executor.ts';

export interface UploadFile {
  /** Where on the host; its directory must be there. */
  readonly path: string;
  readonly content: string | Uint8Array;
  /** Permission bits, e.g. 0o600. */
  readonly mode: number;
}

const PROGRAM = readFileSync(new URL('./programs/upload.sh', import.meta.url), 'utf8');

/** What the host's own words say, whichever command said them. */
const causes: readonly { readonly match: RegExp; readonly code: FailureCode }[] = [
  { match: /No space left|Disk quota exceeded|File too large/, code: 'disk-full' },
  {
    match:
      /Read-only file system|Permission denied|Operation not permitted|No such file|Not a directory|Is a directory/,
    code: 'state-directory-unwritable',
  },
];

/** Exit codes of upload.sh where the host said nothing that is known. */
const codes: Readonly<Record<number, FailureCode>> = {
  65: 'disk-full',
  66: 'connection-lost',
  69: 'host-unsupported',
  73: 'state-directory-unwritable',
  74: 'disk-full',
};

/**
 * Puts a file on the host, whole or not at all: the content goes over stdin into a new file beside the target, the host
 * checks size and sha256, and only then renames it. Repeating it is harmless.
 *
 * @throws ChandlerError disk-full, state-directory-unwritable, host-unsupported (no sha256sum), connection-lost (whether
 * the file is there is unknown), and what {@link Executor.exec} throws.
 */
export async function upload(executor: Executor, file: UploadFile, signal?: AbortSignal): Promise<void> {
  const content = typeof file.content === 'string' ? Buffer.from(file.content) : file.content;
  const sha256 = createHash('sha256').update(content).digest('hex');
  // A path that begins with a dash would read as an option.
  const path = file.path.startsWith('-') ? `./${file.path}` : file.path;
  const mode = file.mode.toString(8).padStart(4, '0');
  const command = sh('sh', '-c', PROGRAM, 'upload', path, mode, String(content.length), sha256);
  const outcome = await executor.exec(command, { stdin: content, ...(signal && { signal }) });
  if (outcome.kind === 'exited' && outcome.code === 0) return;
  throw toUploadFailure(path, outcome);
}

function toUploadFailure(path: string, outcome: Outcome): ChandlerError {
  switch (outcome.kind) {
    case 'lost':
      return new ChandlerError('connection-lost', `The upload of ${path} was cut off: ${outcome.reason}`);
    case 'signalled':
      return new ChandlerError(
        'connection-lost',
        `The upload of ${path} was ended on the host by ${outcome.signal}`,
      );
    case 'exited': {
      const said = outcome.stderr.trim();
      const code =
        causes.find(({ match }) => match.test(said))?.code ?? codes[outcome.code] ?? 'host-unsupported';
      return new ChandlerError(
        code,
        `The upload of ${path} failed (exit ${outcome.code}): ${said || 'the host said nothing'}`,
        {
          facts: { exitCode: outcome.code },
        },
      );
    }
    default:
      return outcome satisfies never;
  }
}
