import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { reasonOf } from '../../domain/failure.ts';

export interface RequestOptions {
  readonly accept?: string;
  /** How long the server may take until its answer begins; a closed network costs no more than this. */
  readonly answerMs: number;
  readonly signal?: AbortSignal | undefined;
}

export interface DownloadOptions extends RequestOptions {
  readonly file: string;
  /** What the progress lines call it. */
  readonly label: string;
  readonly announce: (line: string) => void;
}

const STALL_MS = 30_000;
const PROGRESS_EVERY_MS = 3000;
const MB = 1_000_000;

/** Sends one GET; credentials in the address become a header (fetch refuses them there). Throws a readable reason. */
export async function request(address: string, options: RequestOptions): Promise<Response> {
  const controller = new AbortController();
  const timer = setTimeout(
    () => controller.abort(new Error(`no answer within ${options.answerMs / 1000} s`)),
    options.answerMs,
  );
  const signals = [controller.signal, ...(options.signal ? [options.signal] : [])];
  const { url, authorization } = splitCredentials(address);
  try {
    const response = await fetch(url, {
      headers: { ...(options.accept && { accept: options.accept }), ...(authorization && { authorization }) },
      signal: AbortSignal.any(signals),
    });
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    return response;
  } catch (error) {
    options.signal?.throwIfAborted();
    throw new Error(`${withoutCredentials(address)}: ${reasonOf(error)}`, { cause: error });
  } finally {
    clearTimeout(timer);
  }
}

/** Downloads to a new file, tells how far it is, and returns the content's sha256. */
export async function download(address: string, options: DownloadOptions): Promise<string> {
  const { announce, label } = options;
  const response = await request(address, options);
  if (!response.body) throw new Error(`${withoutCredentials(address)}: an empty answer`);
  const total = Number(response.headers.get('content-length') ?? 0);
  const totalText = total > 0 ? ` of ${(total / MB).toFixed(0)} MB` : '';
  announce(
    `Downloading ${label}${totalText && ` (${(total / MB).toFixed(0)} MB)`} from ${new URL(address).host}`,
  );
  const stalled = new AbortController();
  const stall = setTimeout(() => stalled.abort(new Error(`nothing came for ${STALL_MS / 1000} s`)), STALL_MS);
  const hash = createHash('sha256');
  let bytes = 0;
  let announcedAt = performance.now();
  const meter = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      stall.refresh();
      hash.update(chunk);
      bytes += chunk.length;
      if (performance.now() - announcedAt > PROGRESS_EVERY_MS) {
        announcedAt = performance.now();
        announce(`  ${label}: ${(bytes / MB).toFixed(0)}${totalText || ' MB'}`);
      }
      done(null, chunk);
    },
  });
  try {
    const signal = AbortSignal.any([stalled.signal, ...(options.signal ? [options.signal] : [])]);
    await pipeline(response.body, meter, createWriteStream(options.file, { flags: 'wx' }), { signal });
  } catch (error) {
    options.signal?.throwIfAborted();
    const reason = stalled.signal.aborted ? stalled.signal.reason : error;
    throw new Error(`${withoutCredentials(address)}: ${reasonOf(reason)}`, { cause: error });
  } finally {
    clearTimeout(stall);
  }
  return hash.digest('hex');
}

/** The address as it may be shown. */
function withoutCredentials(address: string): string {
  return splitCredentials(address).url;
}

function splitCredentials(address: string): { url: string; authorization: string | undefined } {
  const url = new URL(address);
  const { username, password } = url;
  url.username = '';
  url.password = '';
  if (!username && !password) return { url: url.href, authorization: undefined };
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { url: url.href, authorization: `Basic ${Buffer.from(pair).toString('base64')}` };
}
