import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { definedOnly } from '../../domain/defined-only.ts';
import { reasonOf } from '../../domain/run/failure.ts';

export interface RequestOptions {
  readonly accept?: string;
  /** How long the server may take until its answer begins. */
  readonly answerMs: number;
  readonly signal?: AbortSignal | undefined;
}

export interface DownloadOptions extends RequestOptions {
  readonly file: string;
  readonly label: string;
  readonly announce: (line: string) => void;
}

const STALL_MS = 30_000;
const PROGRESS_EVERY_MS = 3000;

/** Sends one GET, with credentials of the address as a header, because fetch refuses them in the address. */
export async function request(address: string, options: RequestOptions): Promise<Response> {
  const { accept, answerMs, signal } = options;
  const controller = new AbortController();
  const late = new Error(`no answer within ${answerMs / 1000} s`);
  const timer = setTimeout(() => controller.abort(late), answerMs);
  const { url, authorization } = splitCredentials(address);
  try {
    const headers = definedOnly({ accept, authorization });
    const response = await fetch(url, { headers, signal: anyOf(controller.signal, signal) });
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    return response;
  } catch (error) {
    signal?.throwIfAborted();
    throw new Error(`${url}: ${reasonOf(error)}`, { cause: error });
  } finally {
    clearTimeout(timer);
  }
}

/** Downloads to a new file, reports progress, and returns the sha256. */
export async function download(address: string, options: DownloadOptions): Promise<string> {
  const { announce, label } = options;
  const { url } = splitCredentials(address);
  const response = await request(address, options);
  if (!response.body) throw new Error(`${url}: an empty answer`);
  const total = Number(response.headers.get('content-length') ?? 0);
  const size = total > 0 ? megabytes(total) : '';
  announce(`Downloading ${label}${size && ` (${size})`} from ${new URL(address).host}`);
  const stalled = new AbortController();
  const stall = setTimeout(
    () => stalled.abort(new Error(`received nothing for ${STALL_MS / 1000} s`)),
    STALL_MS,
  );
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
        announce(`  ${label}: ${megabytes(bytes)}${size && ` of ${size}`}`);
      }
      done(null, chunk);
    },
  });
  try {
    const signal = anyOf(stalled.signal, options.signal);
    await pipeline(response.body, meter, createWriteStream(options.file, { flags: 'wx' }), { signal });
  } catch (error) {
    options.signal?.throwIfAborted();
    const reason = stalled.signal.aborted ? stalled.signal.reason : error;
    throw new Error(`${url}: ${reasonOf(reason)}`, { cause: error });
  } finally {
    clearTimeout(stall);
  }
  return hash.digest('hex');
}

function anyOf(own: AbortSignal, callers: AbortSignal | undefined): AbortSignal {
  return callers ? AbortSignal.any([own, callers]) : own;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1_000_000).toFixed(0)} MB`;
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
