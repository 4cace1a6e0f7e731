import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { ChandlerError, type FailureCode } from '../domain/run/failure.ts';
import { onOneLine, sh } from '../shell/index.ts';
import { call, readReply } from './call.ts';
import { codeOfText } from './code-of-text.ts';
import type { Executor } from './executor.ts';
import { explainSilence } from './explain-silence.ts';
import { describePrinted, type Printed } from './describe-printed.ts';

export interface UploadFile {
  /** The directory must exist. */
  readonly path: string;
  /** Not empty unless it is the last file. */
  readonly content: string | Uint8Array;
}

const PROGRAM = onOneLine(readFileSync(new URL('./programs/upload.sh', import.meta.url), 'utf8'));

/** More bytes may take long on a slow network. */
export const SHORT_BYTES = 64 * 1024;

/** Maps `failed` of upload.sh to codes, for texts that {@link codeOfText} does not know. */
const codes: Readonly<Record<number, FailureCode>> = {
  65: 'disk-full',
  66: 'connection-lost',
  69: 'host-unsupported',
  73: 'state-directory-unwritable',
  74: 'state-directory-unwritable',
};

/**
 * Writes files on the host in one call, each whole or not at all, readable for the user only. Idempotent.
 *
 * @throws ChandlerError disk-full, state-directory-unwritable, host-unsupported (no sha256sum), login-interferes, connection-lost
 */
export async function upload(
  executor: Executor,
  files: readonly UploadFile[],
  signal?: AbortSignal,
): Promise<void> {
  const contents = files.map(({ content }) => (typeof content === 'string' ? Buffer.from(content) : content));
  const words = files.flatMap((file, i) => wordsOf(file, contents[i]!));
  const command = (token: string) => sh('sh', '-c', PROGRAM, token, ...words);
  const stdin = Buffer.concat(contents);
  const isShortUntil = stdin.length <= SHORT_BYTES ? 'end' : undefined;
  const reply = await call(executor, command, { stdin, isShortUntil, signal });
  const what = `The upload of ${files.map(({ path }) => path).join(' and ')}`;
  const answers = await readReply(executor, what, reply);
  const failed = answers.find((answer) => answer['failed'] !== undefined)?.['failed'];
  if (failed === undefined) return;
  // Bytes are missing although the connection lives, so a startup file of the login may have read them.
  const interference =
    failed === '65' && (await explainSilence(executor, `${what}: `, 'exit 65', reply.printed));
  throw interference || toUploadFailure(what, Number(failed), reply.printed);
}

function wordsOf({ path }: UploadFile, content: Uint8Array): string[] {
  const sha256 = createHash('sha256').update(content).digest('hex');
  // A path that begins with a dash would read as an option.
  const safePath = path.startsWith('-') ? `./${path}` : path;
  return [safePath, String(content.length), sha256];
}

function toUploadFailure(what: string, exitCode: number, printed: Printed): ChandlerError {
  const code = codeOfText(printed.stderr) ?? codes[exitCode] ?? 'host-unsupported';
  const message = `${what} failed (exit ${exitCode}): ${describePrinted(printed)}`;
  return new ChandlerError(code, message, { facts: { exitCode } });
}
