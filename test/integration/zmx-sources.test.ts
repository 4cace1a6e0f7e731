import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Plan } from '../../src/domain/plan/schema.ts';
import { loadShim } from '../../src/zmx/index.ts';
import { startStack, type Stack } from '../support/stack.ts';

const exec = promisify(execFile);
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

describe('zmx is installed', () => {
  let stack: Stack;
  let dir: string;
  let archive: Buffer;
  let server: Server;
  let url: string;
  /** The requests to the server with their sender: curl or wget on the host, or the worker. */
  let asked: string[];

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'chandler-zmx-'));
    await mkdir(join(dir, 'allowed'));
    await writeFile(join(dir, 'zmx'), loadShim().content, { mode: 0o755 });
    await writeFile(join(dir, 'allowed/zmx-file'), loadShim().content);
    await writeFile(join(dir, 'allowed/zmx-other'), `${loadShim().content.toString()}# another build\n`);
    await writeFile(join(dir, 'allowed/no-zmx'), '#!/bin/sh\necho hello\n');
    await exec('tar', ['-czf', join(dir, 'allowed/zmx.tar.gz'), '-C', dir, 'zmx']);
    archive = await readFile(join(dir, 'allowed/zmx.tar.gz'));
    server = createServer((request, response) => {
      asked.push(`${/curl|Wget/i.exec(request.headers['user-agent'] ?? '')?.[0] ?? 'worker'} ${request.url}`);
      if (request.url === '/zmx.tar.gz') response.end(archive);
      else response.writeHead(404).end();
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    stack = await startStack({ workers: 0 });
    await stack.startWorker({ CHANDLER_ZMX_DIR: join(dir, 'allowed'), CHANDLER_ZMX_URLS: `${url}/` });
  });
  afterAll(async () => {
    server?.close();
    await stack?.stop();
    await rm(dir, { recursive: true, force: true });
  });
  afterEach(async () => {
    await stack.onHost(
      'for tool in curl wget; do [ ! -e /usr/bin/.hidden-$tool ] || mv /usr/bin/.hidden-$tool /usr/bin/$tool; done; rm -rf /var/lib/chandler /run/chandler /usr/local/bin/zmx /root/ran',
    );
    asked = [];
  });
  asked = [];

  const start = (zmx: Plan['zmx'], name = 'uses zmx') =>
    stack.start({
      name,
      steps: [{ name: 'uses', script: 'echo ran >> /root/ran', always: true }],
      ...(zmx && { zmx }),
      keepSessions: 'all',
    });
  /** Runs a plan with this source of zmx. Returns the path of the zmx that it used. */
  const runWith = async (zmx: Plan['zmx']): Promise<string> => {
    const id = await start(zmx);
    expect(await stack.client.result(id)).toMatchObject({ outcome: 'provisioned' });
    expect(await stack.onHost('cat /root/ran')).toBe('ran\n');
    const { attach } = await stack.client.status(id);
    const path = / env ZMX_DIR=\S+ (\S+) attach NAME$/.exec(attach ?? '')?.[1] ?? '';
    expect(await stack.onHost(`ZMX_DIR=/run/chandler/zmx ${path} list`)).toMatch(/name=uses\t.*exit_code=0/);
    return path;
  };
  const refused = async (zmx: Plan['zmx'], code: string) => {
    const result = await stack.client.result(await start(zmx));
    expect(result).toMatchObject({ outcome: 'failed', failure: { code } });
    await stack.onHost('test ! -e /root/ran && test ! -e /usr/local/bin/zmx');
    expect(await stack.onHost('ls -A /var/lib/chandler/zmx 2>/dev/null || :')).toBe('');
    expect(await stack.onHost('ls -A /var/lib/chandler/launches')).toBe('');
    return 'failure' in result ? `${result.failure.message} ${result.failure.advice}` : '';
  };
  const release = (changes: Partial<NonNullable<Plan['zmx']>> = {}) => ({
    source: 'release' as const,
    url: `${url}/zmx.tar.gz`,
    sha256: sha256(archive),
    ...changes,
  });
  const hide = (...tools: string[]) =>
    stack.onHost(
      `for tool in ${tools.join(' ')}; do if [ -e /usr/bin/$tool ]; then mv /usr/bin/$tool /usr/bin/.hidden-$tool; fi; done`,
    );

  it('from a release that the host downloads once', async () => {
    const path = await runWith(release());
    expect(path).toMatch(/^\/var\/lib\/chandler\/zmx\/[^/]+\/zmx$/);
    expect(await stack.onHost('readlink /usr/local/bin/zmx')).toBe(`${path}\n`);
    expect(asked).toHaveLength(1);
    expect(asked[0]).toMatch(/^(curl|wget) /i);
    await stack.onHost('rm /root/ran /var/lib/chandler/provisioned');
    expect(await runWith(release())).toBe(path);
    expect(asked).toHaveLength(1);
  });

  it('from a release that the worker downloads and uploads if the host cannot', async () => {
    await hide('curl', 'wget');
    await runWith(release());
    expect(asked).toEqual(['worker /zmx.tar.gz']);
  });

  it('only from an archive with the expected hash', async () => {
    const message = await refused(release({ sha256: '0'.repeat(64) }), 'zmx-checksum');
    expect(message).toContain(sha256(archive));
    await hide('curl', 'wget');
    await refused(release({ sha256: '0'.repeat(64) }), 'zmx-checksum');
  });

  it('only if the host or the worker can download the archive', async () => {
    const message = await refused(release({ url: `${url}/absent` }), 'zmx-unavailable');
    expect(message).toMatch(/the host: .*404.*the worker: .*404/);
    expect(message).toContain('zmx.source: tmux or file');
  });

  it.each(['zmx-file', 'zmx.tar.gz'])('from a file that the worker uploads: %s', async (file) => {
    await hide('curl', 'wget');
    const path = await runWith({ source: 'file', file });
    expect(await stack.onHost(`sha256sum < ${path}`)).toContain(loadShim().sha256);
    expect(asked).toEqual([]);
  });

  it.each([
    ['zmx-file', { sha256: '0'.repeat(64) }, 'zmx-checksum'],
    ['absent', {}, 'zmx-unavailable'],
    ['../zmx', {}, 'zmx-unavailable'],
    ['/etc/shadow', {}, 'zmx-unavailable'],
    ['no-zmx', {}, 'zmx-unavailable'],
  ] as const)(
    'only from a valid file in the allowed directory, not from %s %j',
    async (file, changes, code) => {
      const message = await refused({ source: 'file', file, ...changes }, code);
      expect(message).toContain(file === 'no-zmx' ? 'does not answer' : file);
    },
  );

  it.each([
    [{ source: 'tmux' }, { source: 'file', file: 'zmx-other' }],
    [{ source: 'file', file: 'zmx-other' }, { source: 'tmux' }],
  ] as const)('B2: beside a session that was made by another: %j, then %j', async (first, second) => {
    const sessions = () => stack.onHost('cat /var/lib/chandler/sessions/uses');
    const made: string[] = [];
    for (const [name, zmx] of Object.entries({ first, second })) {
      expect(await stack.client.result(await start(zmx, name))).toMatchObject({ outcome: 'provisioned' });
      made.push((await sessions()).trim().split(' ')[1] ?? '');
    }
    expect(made[0]).not.toBe(made[1]);
    expect(await stack.onHost('cat /root/ran')).toBe('ran\nran\n');
    const list = async (path = '') => stack.onHost(`ZMX_DIR=/run/chandler/zmx ${path} list`);
    expect((await list(made[1])).match(/name=uses/g)).toHaveLength(1);
  });

  it('only if the host has none that is new enough, and never replaces the existing one', async () => {
    await stack.onHost('mkdir -p /opt/own');
    await writeOnHost('/opt/own/zmx', loadShim().content);
    const wrapper = `#!/bin/sh\n[ "$1" != version ] || { printf 'zmx\\t0.9.9\\n'; exit; }\nexec /opt/own/zmx "$@"\n`;
    await writeOnHost('/usr/local/bin/zmx', Buffer.from(wrapper));
    const inode = () => stack.onHost('stat -c "%i %Y" /usr/local/bin/zmx; sha256sum < /usr/local/bin/zmx');
    const before = await inode();
    expect(await runWith(release())).toBe('/usr/local/bin/zmx');
    expect(await inode()).toBe(before);
    // Another zmx does not take its place either.
    await stack.onHost('rm /root/ran /var/lib/chandler/provisioned');
    expect(await runWith({ source: 'file', file: 'zmx-file' })).toMatch(/^\/var\/lib\/chandler\/zmx\//);
    expect(await inode()).toBe(before);
    expect(asked).toEqual([]);
  });

  const writeOnHost = (path: string, content: Uint8Array) =>
    stack.onHost(
      `echo ${Buffer.from(content).toString('base64')} | base64 -d > ${path} && chmod 755 ${path}`,
    );
});
