import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ChandlerError } from '../../src/domain/run/failure.ts';
import type { HostFacts } from '../../src/host/host-facts.ts';
import { installZmx, type ZmxRetry, type ZmxSource } from '../../src/host/install-zmx.ts';
import { sha256Of } from '../../src/host/sha256.ts';
import { LocalExecutor } from '../support/local-executor.ts';

const TOOLS =
  'sh env mkdir mktemp rm rmdir mv cp cat cut grep tail head tr find chmod sha256sum base64 tar gzip awk df sync id ln readlink stat timeout true printf dirname basename wc od dd uname sed';

/** A program that answers like zmx of that version and leaves a trace when it runs. */
const fakeZmx = (version: string, trace = '/dev/null') =>
  `#!/bin/sh\necho ran >>'${trace}'\nprintf 'zmx\\t\\t${version}\\nsocket_dir\\t%s\\n' "$ZMX_DIR"\n`;

let root: string;
let server: Server;
let base: string;
let bodies: Map<string, Uint8Array>;
let requests: string[];
/** What becomes of the next requests. */
let faults: (number | 'cut' | 'reset' | 'stall')[];
let state: string;
let links: string;
let trace: string;

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'chandler-zmx-'));
  bodies = new Map();
  server = createServer((request, response) => {
    const body = bodies.get(request.url ?? '');
    requests.push(request.url ?? '');
    const fault = faults.shift();
    if (fault === 'cut' && body) {
      response.writeHead(200, { 'content-length': body.length });
      response.write(body.subarray(0, body.length / 2), () => response.destroy());
    } else if (fault === 'stall' && body) {
      response.writeHead(200, { 'content-length': body.length });
      response.write(body.subarray(0, body.length / 2));
    } else if (fault === 'reset') {
      request.socket.destroy();
    } else if (typeof fault === 'number') {
      response.writeHead(fault).end('not now');
    } else if (!body) {
      response.writeHead(404).end('not here');
    } else if (request.url?.startsWith('/truncated')) {
      response.writeHead(200, { 'content-length': body.length });
      response.write(body.subarray(0, body.length / 2), () => response.destroy());
    } else {
      response.writeHead(200, { 'content-length': body.length }).end(body);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(() => {
  server.closeAllConnections();
  server.close();
  rmSync(root, { recursive: true });
});

beforeEach(() => {
  const dir = mkdtempSync(join(root, 'case-'));
  requests = [];
  faults = [];
  state = join(dir, `it's a "state" $HOME \`dir\``);
  links = join(dir, 'links');
  trace = join(dir, 'trace');
});

afterEach(() => bodies.clear());

function facts(more: Partial<HostFacts> = {}): HostFacts {
  return {
    arch: 'x86_64',
    os: 'Debian',
    uid: 0,
    bootId: 'b',
    stateDir: state,
    zmxDir: join(state, 'sockets'),
    tools: ['tar', 'curl', 'tmux'],
    ...more,
  };
}

/** A host that has a zmx already. */
function withZmx(versionText: string): HostFacts {
  return facts({ zmx: { path: '/usr/bin/zmx', versionText } });
}

/** A PATH with only the usual tools and those named. */
function pathWith(...more: string[]): string {
  const bin = mkdtempSync(join(root, 'bin-'));
  const script = 'for tool; do command -v "$tool"; done; true';
  const found = execFileSync('sh', ['-c', script, 'sh', ...TOOLS.split(' '), ...more], { encoding: 'utf8' });
  for (const path of found.split('\n').filter((path) => path.startsWith('/'))) {
    symlinkSync(path, join(bin, basename(path)));
  }
  return bin;
}

/** A PATH like that of a small container: busybox is everything. */
function busyboxPath(): string {
  const bin = mkdtempSync(join(root, 'busybox-'));
  execFileSync('busybox', ['--install', '-s', bin]);
  return bin;
}

async function install(
  source: ZmxSource & { signal?: AbortSignal },
  more: { facts?: HostFacts; path?: string; env?: NodeJS.ProcessEnv } = {},
) {
  const executor = new LocalExecutor({
    env: { HOME: join(state, '..'), PATH: more.path ?? pathWith('curl'), ...more.env },
  });
  const zmx = await installZmx({
    executor,
    facts: more.facts ?? facts(),
    linkDir: links,
    urls: [base],
    ...source,
  });
  const uploads = executor.asked.filter((line) => /^sh -c .*\.pushed\./.test(line));
  return { zmx, uploads, asked: executor.asked };
}

async function failure(promise: Promise<unknown>): Promise<ChandlerError> {
  const error: unknown = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!(error instanceof ChandlerError)) throw new Error('no ChandlerError', { cause: error });
  return error;
}

/** Serves an archive that holds a zmx; `name` is its path on the server. */
function serve(program: string, name = '/zmx.tar.gz', member = 'zmx'): { url: string; sha256: string } {
  const archive = tarball(program, member);
  bodies.set(name, archive);
  return { url: base + name, sha256: sha256Of(archive) };
}

function tarball(program: string, member = 'zmx'): Uint8Array {
  const dir = mkdtempSync(join(root, 'tar-'));
  writeFileSync(join(dir, member), program);
  chmodSync(join(dir, member), 0o755);
  return execFileSync('tar', ['-czf', '-', '-C', dir, member]);
}

function leftovers(): string[] {
  const store = join(state, 'zmx');
  return existsSync(store) ? readdirSync(store) : [];
}

describe('from a release', () => {
  it.each([
    ['curl, sh', () => pathWith('curl')],
    ['wget, bash', () => pathWith('wget')],
    ['busybox', busyboxPath],
  ])('the host gets it (%s)', async (name, makePath) => {
    const spec = serve(fakeZmx('0.7.0'));
    const path = makePath();
    if (name.endsWith('bash')) {
      rmSync(join(path, 'sh'));
      symlinkSync('/bin/bash', join(path, 'sh'));
    }
    const { zmx, uploads } = await install({ spec }, { path });
    expect(zmx).toEqual({
      path: join(state, `zmx/0.7.0-${spec.sha256.slice(0, 12)}/zmx`),
      version: '0.7.0',
      source: 'release',
    });
    expect(statSync(zmx.path).mode & 0o777).toBe(0o755);
    expect(uploads).toEqual([]);
    expect(leftovers()).toHaveLength(1);
    expect(readlinkSync(join(links, 'zmx'))).toBe(zmx.path);
  });

  it('the host gets it although the dynamic linker prints a warning for each program', async () => {
    const spec = serve(fakeZmx('0.7.0'));
    const { zmx } = await install({ spec }, { env: { LD_PRELOAD: '/no/such/library.so' } });
    expect(zmx).toMatchObject({ version: '0.7.0', source: 'release' });
    expect(leftovers()).toHaveLength(1);
  });

  it('finds the installed zmx the second time and does not download it again', async () => {
    const spec = serve(fakeZmx('0.7.0'));
    const first = await install({ spec });
    bodies.clear();
    expect((await install({ spec })).zmx).toEqual({ ...first.zmx, source: 'existing' });
  });

  it('an archive with another hash is neither unpacked nor run', async () => {
    const { url } = serve(fakeZmx('0.7.0', trace));
    const actual = sha256Of(bodies.get('/zmx.tar.gz')!);
    const error = await failure(install({ spec: { url, sha256: 'b'.repeat(64) } }));
    expect(error.code).toBe('zmx-checksum');
    expect(error.message).toContain(actual);
    expect(error.message).toContain('b'.repeat(64));
    expect(error.advice).toMatch(/zmx\.sha256.*CHANDLER_ZMX_SHA256/);
    expect(existsSync(trace)).toBe(false);
    expect(leftovers()).toEqual([]);
    expect(existsSync(links)).toBe(false);
  });

  it('the worker pushes what the host cannot get', async () => {
    const { url, sha256 } = serve(fakeZmx('0.7.0'));
    const { zmx, uploads } = await install({ spec: { url, sha256 } }, { path: pathWith() });
    expect(zmx.source).toBe('release');
    expect(uploads).toHaveLength(1);
    expect(leftovers()).toHaveLength(1);
  });

  it.each([
    ['B4: one 500, to the host', ['curl'], [500]],
    ['one broken transfer, to the host', ['curl'], ['cut']],
    ['a transfer that stands still, to the host', ['curl'], ['stall']],
    ['too many requests and a broken transfer, to a host with wget', ['wget'], [429, 'cut']],
    ['one 503, to the worker', [], [503]],
    ['a broken transfer and a reset connection, to the worker', [], ['cut', 'reset']],
  ] as const)('retries a failure that may pass: %s', async (_, tools, wrong) => {
    const spec = serve(fakeZmx('0.7.0'));
    faults = [...wrong];
    const retries: ZmxRetry[] = [];
    const { zmx, uploads } = await install(
      { spec, onRetry: (retry) => retries.push(retry) },
      { path: pathWith(...tools) },
    );
    expect(zmx.source).toBe('release');
    expect(uploads).toHaveLength(tools.length === 0 ? 1 : 0);
    expect(requests).toHaveLength(wrong.length + 1);
    const side = tools.length === 0 ? 'worker' : 'host';
    expect(retries).toEqual(
      wrong.map((__, i) => ({
        downloadFailed: expect.stringMatching(`^the ${side}: .`) as string,
        attempts: i + 1,
        retryInMs: 1000 * 2 ** i,
      })),
    );
  });

  it('retries within a bound, and never after a permanent failure', async () => {
    const spec = serve(fakeZmx('0.7.0'));
    faults = Array.from({ length: 100 }, () => 500);
    expect((await failure(install({ spec }))).message).toMatch(/the host: .*500.*the worker: .*500/);
    // The host's five, and one of the worker's.
    expect(requests).toHaveLength(6);
    faults = [404, 403];
    expect((await failure(install({ spec }))).message).toMatch(/the host: .*404.*the worker: .*403/);
    expect(requests).toHaveLength(8);
    expect((await failure(install({ spec: { ...spec, sha256: 'd'.repeat(64) } }))).code).toBe('zmx-checksum');
    expect(requests).toHaveLength(9);
  });

  it.each(['/missing.tar.gz', '/truncated.tar.gz'])('neither gets %s', async (name) => {
    if (name.startsWith('/truncated')) serve(fakeZmx('0.7.0', trace), name);
    const error = await failure(install({ spec: { url: base + name, sha256: 'c'.repeat(64) } }));
    expect(error.code).toBe('zmx-unavailable');
    expect(error.message).toMatch(/the host: curl: .*; the worker: /);
    expect(error.advice).toMatch(/zmx\.source: tmux or file/);
    expect(existsSync(trace)).toBe(false);
    expect(leftovers()).toEqual([]);
  });

  it('explains why the existing one is unsuitable when no other is available', async () => {
    const old = withZmx('zmx\t\t0.4.2\n');
    const error = await failure(
      install({ spec: { url: `${base}/missing.tar.gz`, sha256: 'c'.repeat(64) } }, { facts: old }),
    );
    expect(error.message).toMatch(/\/usr\/bin\/zmx, is 0\.4\.2; it must be 0\.5\.0 or newer\)/);
  });

  it('a file that the worker fetches must have the hash, too', async () => {
    const error = await failure(
      install({
        spec: { url: `${base}/missing`, sha256: 'c'.repeat(64) },
        fetchArchive: async () => tarball(fakeZmx('0.7.0', trace)),
      }),
    );
    expect(error.code).toBe('zmx-checksum');
    expect(leftovers()).toEqual([]);
  });

  it('a file that only the worker can read is not described, neither by hash nor by content', async () => {
    const { url } = serve(fakeZmx('0.7.0', trace));
    const actual = sha256Of(bodies.get('/zmx.tar.gz')!);
    const error = await failure(install({ spec: { url, sha256: 'c'.repeat(64) } }, { path: pathWith() }));
    expect(error).toMatchObject({
      code: 'zmx-checksum',
      message: expect.stringContaining('zmx.tar.gz has another sha256, expected cccc') as string,
    });
    expect(JSON.stringify(error) + error.message).not.toContain(actual);
  });

  it('the worker fetches nothing from a place that its operator does not allow, and reports that', async () => {
    const spec = serve(fakeZmx('0.7.0'));
    const error = await failure(
      install({ spec, urls: ['https://mirror.example/zmx/'] }, { path: pathWith() }),
    );
    expect(error).toMatchObject({
      code: 'zmx-unavailable',
      message: expect.stringMatching(
        /the host: .*; the worker: forbidden address \(CHANDLER_ZMX_URLS allows https:\/\/mirror\.example\/zmx\/\)$/,
      ) as string,
      advice: expect.stringContaining('add it to CHANDLER_ZMX_URLS') as string,
    });
    expect(requests).toEqual([]);
  });

  it("the worker's own address needs no further permission", async () => {
    const spec = serve(fakeZmx('0.7.0'));
    const { uploads } = await install({ defaults: spec, urls: [] }, { path: pathWith() });
    expect(uploads).toHaveLength(1);
  });

  it.each([
    ['does not answer', '#!/bin/sh\nexit 3\n', 'zmx'],
    ['is not a zmx', '#!/bin/sh\necho hello\n', 'zmx'],
    ['is for another machine', '\u007fELF garbage', 'zmx'],
    ['is too old', fakeZmx('0.4.2'), 'zmx'],
    ['has another name', fakeZmx('0.7.0'), 'other'],
  ])('one that %s is not installed', async (_, program, member) => {
    const spec = serve(program, '/zmx.tar.gz', member);
    expect((await failure(install({ spec }))).code).toBe('zmx-unavailable');
    expect(leftovers()).toEqual([]);
  });

  it('a file that is not an archive is not installed, even with the right hash', async () => {
    bodies.set('/zmx.tar.gz', Buffer.from('<html>'));
    const spec = { url: `${base}/zmx.tar.gz`, sha256: sha256Of(Buffer.from('<html>')) };
    expect((await failure(install({ spec }))).message).toMatch(/cannot unpack the archive: .*gzip/);
    expect(leftovers()).toEqual([]);
  });

  it('gives up at once when it is aborted', async () => {
    const abort = new AbortController();
    const reason = new Error('enough');
    const running = install({
      spec: { url: `${base}/missing`, sha256: 'c'.repeat(64) },
      signal: abort.signal,
      fetchArchive: async (_, __, signal) => {
        abort.abort(reason);
        signal.throwIfAborted();
        return new Uint8Array();
      },
    });
    await expect(running).rejects.toBe(reason);
  });

  it('a CPU without a release is refused, with advice', async () => {
    const error = await failure(install({}, { facts: facts({ arch: 'riscv64' }) }));
    expect(error.code).toBe('host-unsupported');
    expect(error.advice).toContain('zmx.source: tmux');
  });

  it('a damaged one of an earlier crash is replaced', async () => {
    const spec = serve(fakeZmx('0.7.0'));
    const { zmx } = await install({ spec });
    writeFileSync(zmx.path, '');
    expect((await install({ spec })).zmx).toEqual(zmx);
    expect(readFileSync(zmx.path, 'utf8')).toBe(fakeZmx('0.7.0'));
  });
});

describe('when there is a zmx already', () => {
  it.each([
    ['new enough', 'zmx\t\t0.5.0\n', {}],
    ['as new as asked for', 'zmx\t\t0.7.0\n', { version: '0.7.0' }],
    ['newer', 'zmx\t\t0.8.1\n', { source: 'release', version: '0.7.0' }],
    ['the shim, and nobody asked for another', 'zmx\t\t0.7.0\nghostty_vt\ttmux 3.3a (chandler shim)\n', {}],
  ] as const)('one that is %s is used, without asking the host', async (_, text, spec) => {
    const { zmx, asked } = await install({ spec }, { facts: withZmx(text) });
    expect(zmx).toMatchObject({ path: '/usr/bin/zmx', source: 'existing' });
    expect(asked).toEqual([]);
  });

  it.each([
    ['too old', 'zmx\t\t0.4.2\n', {}],
    ['older than asked for', 'zmx\t\t0.6.0\n', { version: '0.7.0' }],
    ['silent', '', {}],
    [
      'the shim where a release was named',
      'zmx\t\t0.7.0\nghostty_vt\ttmux 3.3a (chandler shim)\n',
      { source: 'release' },
    ],
  ] as const)('one that is %s stays, and another is installed beside it', async (_, text, spec) => {
    const served = serve(fakeZmx('0.7.0'));
    const { zmx } = await install({ spec: { ...spec, ...served } }, { facts: withZmx(text) });
    expect(zmx.source).toBe('release');
  });
});

describe('from a file', () => {
  const file = { source: 'file', file: 'zmx-arm' } as const;

  it('the worker pushes it once', async () => {
    const names: string[] = [];
    const content = Buffer.from(fakeZmx('0.6.0'));
    const readFile = async (name: string) => {
      names.push(name);
      return content;
    };
    const first = await install({ spec: file, readFile });
    expect(first.zmx).toEqual({
      path: join(state, `zmx/file-${sha256Of(content).slice(0, 12)}/zmx`),
      version: '0.6.0',
      source: 'file',
    });
    expect(names).toEqual(['zmx-arm']);
    const second = await install({ spec: { file: 'zmx-arm', sha256: sha256Of(content) }, readFile });
    expect(second.zmx).toEqual({ ...first.zmx, source: 'existing' });
    expect(second.uploads).toEqual([]);
    expect(leftovers()).toHaveLength(1);
  });

  it('an archive is unpacked, and found again', async () => {
    const readFile = async () => tarball(fakeZmx('0.7.0'));
    const content = await readFile();
    const first = await install({ spec: file, readFile: async () => content });
    expect(readFileSync(first.zmx.path, 'utf8')).toBe(fakeZmx('0.7.0'));
    expect((await install({ spec: file, readFile: async () => content })).uploads).toEqual([]);
  });

  it('one that is too old is not installed', async () => {
    const readFile = async () => Buffer.from(fakeZmx('0.4.2'));
    const error = await failure(install({ spec: file, readFile }));
    expect(error).toMatchObject({
      code: 'zmx-unavailable',
      message: expect.stringContaining('that zmx is 0.4.2; it must be 0.5.0 or newer'),
    });
    expect(leftovers()).toEqual([]);
  });

  it('one on PATH with the same content is used', async () => {
    const path = join(state, '..', 'zmx-here');
    writeFileSync(path, fakeZmx('0.7.0'), { mode: 0o755 });
    const readFile = async () => readFileSync(path);
    const { zmx } = await install(
      { spec: file, readFile },
      { facts: facts({ zmx: { path, versionText: 'zmx\t\t0.7.0' } }) },
    );
    expect(zmx).toEqual({ path, version: '0.7.0', source: 'existing' });
  });

  it('fails with the right code', async () => {
    const readFile = async () => Buffer.from(fakeZmx('0.7.0', trace));
    const sha256 = 'd'.repeat(64);
    expect((await failure(install({ spec: { ...file, sha256 }, readFile }))).code).toBe('zmx-checksum');
    expect((await failure(install({ spec: { source: 'file' }, readFile }))).code).toBe('invalid-input');
    expect((await failure(install({ spec: file }))).code).toBe('zmx-unavailable');
    const missing = install({ spec: file, readFile: () => Promise.reject(new Error('ENOENT')) });
    expect(await failure(missing)).toMatchObject({ code: 'zmx-unavailable', message: /zmx-arm: ENOENT/ });
    expect(existsSync(trace)).toBe(false);
    expect(leftovers()).toEqual([]);
  });
});

describe('from tmux', () => {
  it('explains how to get tmux on a host without it', async () => {
    const error = await failure(install({ spec: { source: 'tmux' } }, { facts: facts({ tools: ['curl'] }) }));
    expect(error.code).toBe('zmx-unavailable');
    expect(error.advice).toMatch(/apt-get install tmux.*apk add tmux/);
  });

  const tmuxThat = (does: string) => {
    const bin = mkdtempSync(join(root, 'tmux-'));
    writeFileSync(join(bin, 'tmux'), `#!/bin/sh\n${does}\n`, { mode: 0o755 });
    return `${bin}:${process.env['PATH']}`;
  };

  it('tmux-no-utf8-locale: refuses a tmux that does not work, and reports its error message', async () => {
    const path = tmuxThat("echo 'tmux: invalid LC_ALL, LC_CTYPE or LANG' >&2; exit 1");
    const error = await failure(install({ spec: { source: 'tmux' } }, { path }));
    expect(error.code).toBe('zmx-unavailable');
    expect(error.message).toMatch(/does not answer: error: tmux: invalid LC_ALL, LC_CTYPE or LANG$/);
    expect(leftovers()).toEqual([]);
  });

  it('tests the shim in the locale of the login, in which it is called later', async () => {
    const path = tmuxThat('[ "${LC_ALL-}" = de_DE.UTF-8 ] || exit 1; echo tmux 3.3a');
    const env = { LC_ALL: 'de_DE.UTF-8' };
    expect((await install({ spec: { source: 'tmux' } }, { path, env })).zmx.source).toBe('tmux');
  });

  it('installs the shim, once', async () => {
    const path = process.env['PATH'] ?? '';
    const first = await install({ spec: { source: 'tmux' } }, { path });
    expect(first.zmx.source).toBe('tmux');
    const second = await install({ defaults: { source: 'tmux' } }, { path });
    expect(second.zmx).toEqual({ ...first.zmx, source: 'existing' });
  });
});

describe('on the host', () => {
  it("Chandler's own dangling link is replaced, but no other file", async () => {
    const spec = serve(fakeZmx('0.7.0'));
    mkdirSync(links);
    symlinkSync(join(state, 'zmx/gone/zmx'), join(links, 'zmx'));
    const { zmx } = await install({ spec });
    expect(readlinkSync(join(links, 'zmx'))).toBe(zmx.path);
    rmSync(join(links, 'zmx'));
    rmSync(join(state, 'zmx'), { recursive: true });
    symlinkSync('/nowhere/zmx', join(links, 'zmx'));
    await install({ spec });
    expect(readlinkSync(join(links, 'zmx'))).toBe('/nowhere/zmx');
  });

  it('no link is made beside a zmx on PATH, and a link that cannot be made is not an error', async () => {
    const spec = serve(fakeZmx('0.7.0'));
    const path = pathWith('curl');
    writeFileSync(join(path, 'zmx'), '#!/bin/sh\n', { mode: 0o755 });
    await install({ spec }, { path });
    expect(existsSync(links)).toBe(false);
    rmSync(join(state, 'zmx'), { recursive: true });
    writeFileSync(links, 'a file');
    await install({ spec });
    expect(lstatSync(links).isFile()).toBe(true);
  });

  it('a state directory that cannot be written is reported as that', async () => {
    writeFileSync(state, 'a file');
    const error = await failure(install({ spec: serve(fakeZmx('0.7.0')) }));
    expect(error.code).toBe('state-directory-unwritable');
  });

  it.runIf(process.getuid?.() === 0)('a full disk is reported as full', async () => {
    mkdirSync(state);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', state]);
    try {
      const noise = `${fakeZmx('0.7.0')}#${Buffer.from(Array.from({ length: 200_000 }, () => Math.random() * 256)).toString('base64')}`;
      const error = await failure(install({ spec: serve(noise) }));
      expect(error.code).toBe('disk-full');
      expect(leftovers()).toEqual([]);
    } finally {
      execFileSync('umount', [state]);
    }
  });

  it('a lost connection is an unknown outcome, and retryable', async () => {
    const executor = { exec: async () => ({ kind: 'lost', reason: 'gone', started: 'unknown' }) as const };
    const error = await failure(installZmx({ executor, facts: facts() }));
    expect(error).toMatchObject({ code: 'connection-lost', retryable: true });
  });
});

describe('the settings of plan and worker', () => {
  it('the worker provides what the plan does not set', async () => {
    const defaults = serve(fakeZmx('0.7.0'));
    expect((await install({ defaults })).zmx.source).toBe('release');
  });

  it("the worker's hash is not used for the plan's address", async () => {
    const { url } = serve(fakeZmx('0.7.0'));
    const error = await failure(install({ spec: { url }, defaults: { sha256: 'e'.repeat(64) } }));
    expect(error.code).toBe('zmx-checksum');
    expect(error.message).toContain('8b8783d7b120c9ff');
    expect(error.message).not.toContain('e'.repeat(64));
  });

  it("the hash of the worker's file is not used for the plan's release", async () => {
    const { url, sha256 } = serve(fakeZmx('0.7.0'));
    const defaults = { source: 'file', file: 'x', sha256: 'e'.repeat(64) } as const;
    expect((await install({ spec: { source: 'release', url, sha256 }, defaults })).zmx.source).toBe(
      'release',
    );
  });
});
