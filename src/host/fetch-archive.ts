import { githubAssets } from '../zmx/index.ts';

/** In bytes. An archive of zmx has 1 to 10 MB. */
export const MAX_ARCHIVE_BYTES = 32 * 1024 * 1024;
const MAX_REDIRECTS = 5;

/** The worker must not fetch from that URL. */
export class ForbiddenPlace extends Error {}

/**
 * Fetches an archive on the worker, whose network the plan's author may otherwise not reach: only from the allowed URL prefixes,
 * also after redirects, and at most {@link MAX_ARCHIVE_BYTES}.
 *
 * @throws ForbiddenPlace before anything is sent to another address
 */
export async function fetchArchive(
  url: string,
  allowed: readonly string[],
  signal: AbortSignal,
): Promise<Uint8Array> {
  let places = allowed;
  let at = new URL(url);
  for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects += 1) {
    if (!places.some((place) => isWithin(at, place))) throw forbidden(at, redirects, allowed);
    const response = await fetch(at, { signal, redirect: 'manual' });
    const location = response.headers.get('location');
    if (response.status < 300 || response.status >= 400 || location === null) return await readBody(response);
    await response.body?.cancel();
    places = at.origin === 'https://github.com' ? [...allowed, ...githubAssets] : allowed;
    at = new URL(location, at);
  }
  throw new Error(`more than ${MAX_REDIRECTS} redirects`);
}

/** Whether a URL has a prefix: the same server, and the same path or one below it. */
export function isWithin(url: URL, place: string): boolean {
  const { origin, pathname } = new URL(place);
  // A server may decode these to `..` and leave the directory.
  if (/%(2e|2f|5c)/i.test(url.pathname) || url.username !== '' || url.password !== '') return false;
  const dir = pathname.endsWith('/') ? pathname : `${pathname}/`;
  return url.origin === origin && (url.pathname === pathname || url.pathname.startsWith(dir));
}

function forbidden(at: URL, redirects: number, allowed: readonly string[]): ForbiddenPlace {
  const what = redirects === 0 ? 'forbidden address' : `redirect to ${at.origin}, a forbidden address`;
  return new ForbiddenPlace(`${what} (CHANDLER_ZMX_URLS allows ${allowed.join(', ')})`);
}

async function readBody(response: Response): Promise<Uint8Array> {
  if (!response.ok || !response.body) {
    await response.body?.cancel();
    throw new Error(`HTTP status ${response.status}`);
  }
  const chunks: Uint8Array[] = [];
  let length = 0;
  // Leaving the loop cancels the body.
  for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
    length += chunk.length;
    if (length > MAX_ARCHIVE_BYTES) throw new Error(`it is larger than ${MAX_ARCHIVE_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
