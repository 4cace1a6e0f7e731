import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { fetchArchive, ForbiddenPlace, isWithin, MAX_ARCHIVE_BYTES } from '../../src/host/fetch-archive.ts';
import { releasePlaces } from '../../src/zmx/index.ts';

let servers: Server[];
let mirror: string;
let internal: string;
let asked: string[];
let answer: (request: IncomingMessage, response: ServerResponse) => void;

beforeAll(async () => {
  const listen = async (name: string) => {
    const server = createServer((request, response) => {
      asked.push(`${name} ${request.url}`);
      answer(request, response);
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    return server;
  };
  servers = [await listen('mirror'), await listen('internal')];
  [mirror, internal] = servers.map(
    (server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
  ) as [string, string];
});
beforeEach(() => (asked = []));
afterAll(() => {
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
});

const get = (path: string, allowed = [`${mirror}/zmx/`], limitMs = 20_000) =>
  fetchArchive(`${mirror}${path}`, allowed, AbortSignal.timeout(limitMs));
const redirect = (location: string, status = 302) => {
  answer = (request, response) =>
    request.url === '/zmx/a'
      ? response.writeHead(status, { location }).end()
      : response.end(`from ${request.url}`);
};

describe('D3: an archive that the worker fetches', () => {
  it('comes from an allowed place, also by way of a redirect within it', async () => {
    redirect('../zmx/b');
    expect(Buffer.from(await get('/zmx/a')).toString()).toBe('from /zmx/b');
  });

  it.each([
    ['another server', () => `${internal}/zmx/b`],
    ['a directory beside the place', () => `${mirror}/zmx-private/b`],
    ['a path above it', () => '/zmx/../secret'],
    ['a path above it, encoded', () => '/zmx/%2e%2e/secret'],
    ['a path above it, with an encoded slash', () => '/zmx/..%2fsecret'],
    ['a file of the worker', () => 'file:///etc/passwd'],
    ['an address with a password', () => `${mirror.replace('//', '//a:b@')}/zmx/b`],
  ])('does not follow a redirect to %s', async (_, location) => {
    for (const status of [301, 302, 303, 307, 308]) {
      asked = [];
      redirect(location(), status);
      await expect(get('/zmx/a')).rejects.toThrow(ForbiddenPlace);
      expect(asked).toEqual(['mirror /zmx/a']);
    }
  });

  it('does not follow redirects for ever', async () => {
    redirect('/zmx/a');
    await expect(get('/zmx/a')).rejects.toThrow('more than 5 redirects');
    expect(asked).toHaveLength(6);
  });

  it.each([
    [
      'without end',
      (response: ServerResponse) => response.writeHead(200),
      (size: number) => Buffer.alloc(size),
    ],
    [
      'of 500 MB, as announced',
      (response: ServerResponse) => response.writeHead(200, { 'content-length': 500_000_000 }),
      (size: number) => Buffer.alloc(size),
    ],
    [
      'that grows when it is decompressed',
      (response: ServerResponse) => response.writeHead(200, { 'content-encoding': 'gzip' }),
      (size: number) => gzipSync(Buffer.alloc(size * 64)),
    ],
  ])('is not read on beyond its limit: %s', async (_, head, piece) => {
    let closed = false;
    let sent = 0;
    answer = (__, response) => {
      head(response);
      response.on('close', () => (closed = true));
      const chunk = piece(1024 * 1024);
      const more = () => {
        if (closed || sent >= 500_000_000) return;
        sent += chunk.length;
        if (response.write(chunk)) setImmediate(more);
      };
      response.on('drain', more);
      more();
    };
    const before = process.memoryUsage().rss;
    await expect(get('/zmx/a')).rejects.toThrow(`it is larger than ${MAX_ARCHIVE_BYTES} bytes`);
    expect(process.memoryUsage().rss - before).toBeLessThan(300_000_000);
    await expect.poll(() => closed).toBe(true);
    expect(sent).toBeLessThan(MAX_ARCHIVE_BYTES + 32 * 1024 * 1024);
  });

  it('is given up in time, however slowly it comes', async () => {
    answer = (_, response) => {
      const timer = setInterval(() => response.write('.'), 20);
      response.on('close', () => clearInterval(timer));
    };
    await expect(get('/zmx/a', undefined, 200)).rejects.toThrow(/timeout/i);
  });

  it.each([
    ['https://zmx.sh/a/zmx-0.7.0-linux-x86_64.tar.gz', true],
    ['https://github.com/neurosnap/zmx/releases/download/v0.6.0/zmx.tar.gz', true],
    ['https://github.com/someone/else/releases/download/v1/zmx.tar.gz', false],
    ['http://zmx.sh/a/zmx-0.7.0-linux-x86_64.tar.gz', false],
    ['https://zmx.sh.evil.example/a/zmx.tar.gz', false],
    ['https://zmx.sh:8443/a/zmx.tar.gz', false],
    ['https://zmx.sh@evil.example/a/zmx.tar.gz', false],
    ['https://zmx.sh/b/zmx.tar.gz', false],
    ['http://169.254.169.254/latest/meta-data/', false],
    ['http://[::1]:7233/', false],
  ])('by default comes from where zmx is released: %s %s', (url, isAllowed) => {
    expect(releasePlaces.some((place) => isWithin(new URL(url), place))).toBe(isAllowed);
  });
});
