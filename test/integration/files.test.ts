import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { once } from 'node:events';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Plan, StepFile } from '../../src/domain/plan/schema.ts';
import { sha256Of } from '../../src/host/sha256.ts';
import { addSecret, startStack, type Stack } from '../support/stack.ts';

type Steps = Plan['steps'];
const BINARY = Buffer.from(Array.from({ length: 200_000 }, (_, i) => (i * 13) % 256));
const SECRET = 'a key of\n"many" lines: hunter2hunter2\n';

describe('files of steps', () => {
  let stack: Stack;
  let filesDir: string;
  let server: Server;
  let origin: string;
  beforeAll(async () => {
    filesDir = await mkdtemp(join(tmpdir(), 'chandler-files-'));
    await mkdir(join(filesDir, 'sub'));
    await writeFile(join(filesDir, 'sub/large.bin'), Buffer.alloc(3_000_000, 'large'));
    await symlink('/etc/passwd', join(filesDir, 'out'));
    stack = await startStack({ workers: 0 });
    await stack.startWorker({ CHANDLER_FILES_DIR: filesDir });
    await addSecret(stack, 'key', SECRET);
    await addSecret(stack, 'token', 'tok-1234567\n');
    server = createServer((_, response) => response.end('from afar')).listen(0, '127.0.0.1');
    await once(server, 'listening');
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(async () => {
    server?.close();
    await stack?.stop();
    await rm(filesDir, { recursive: true, force: true });
  });
  beforeEach(() =>
    stack.onHost('rm -rf /srv/x /root/ledger /var/lib/chandler/provisioned /var/lib/chandler/plans'),
  );

  const run = async (steps: Steps, options: Partial<Plan> = {}) => {
    const id = await stack.start({ name: 'web', onStepFailure: 'fail', ...options, steps });
    const result = await stack.client.result(id);
    const ran = (await stack.onHost('cat /root/ledger 2>/dev/null; rm -f /root/ledger'))
      .split('\n')
      .filter(Boolean);
    return { id, result, ran: ran.sort() };
  };
  const one = (files: StepFile[], more: Partial<Steps[number]> = {}): Steps => [
    { name: 'a', script: 'echo a >>/root/ledger', ...more, files },
  ];
  const modes = (paths: string) => stack.onHost(`stat -c '%n %a %U:%G %s' ${paths}`);
  const failureOf = ({ result }: Awaited<ReturnType<typeof run>>) => {
    if (!('failure' in result)) throw new Error('it did not fail');
    return result.failure;
  };

  it('are placed before the script, with mode, owner and bytes, from every source', async () => {
    const files: StepFile[] = [
      { path: '/srv/x/deep/text', content: 'hello $HOME\n' },
      { path: '/srv/x/binary', content: BINARY.toString('base64'), encoding: 'base64', mode: '0755' },
      { path: '/srv/x/empty', content: '', owner: 'daemon:daemon', mode: '4755' },
      { path: '/srv/x/key', secret: 'file:key' },
      { path: '/srv/x/site', content: 'name=${NAME} $NAME $$ $(id)\n', expand: true },
      { path: '/srv/x/token', content: 'token: ${TOKEN}\nname: ${NAME}\n', expand: true, mode: '0640' },
      { path: '/srv/x/large', from: 'worker:sub/large.bin' },
      { path: '/srv/x/remote', url: `${origin}/file`, sha256: sha256Of('from afar') },
    ];
    const script = `set -e; cat /srv/x/key /srv/x/token; env | grep -c CHANDLER_FILE || :; sha256sum </srv/x/binary
      cat $0 | wc -c; echo a >>/root/ledger`;
    const { id, result, ran } = await run(
      one(files, { script, env: { NAME: 'w"1$x' }, secrets: { TOKEN: 'file:token' } }),
    );
    expect(result).toMatchObject({ result: { outcome: 'provisioned' } });
    expect(ran).toEqual(['a']);
    expect(
      (await modes('/srv/x/*/text /srv/x/*')).split('\n').filter((line) => !line.includes('deep 755')),
    ).toEqual([
      '/srv/x/deep/text 644 root:root 12',
      '/srv/x/binary 755 root:root 200000',
      '/srv/x/empty 4755 daemon:daemon 0',
      `/srv/x/key 600 root:root ${SECRET.length}`,
      '/srv/x/large 644 root:root 3000000',
      '/srv/x/remote 644 root:root 9',
      '/srv/x/site 644 root:root 26',
      '/srv/x/token 640 root:root 31',
      '',
    ]);
    expect(await stack.onHost('cat /srv/x/deep/text /srv/x/key /srv/x/site /srv/x/token')).toBe(
      `hello $HOME\n${SECRET}name=w"1$x $NAME $$ $(id)\ntoken: tok-1234567\nname: w"1$x\n`,
    );
    const { text } = await stack.client.readLog(id, 'a');
    expect(text).toContain(sha256Of(BINARY));
    expect(text).toMatch(/placed \/srv\/x\/deep\/text\r?\n/);
    // Secrets are masked, and nothing else of a text that contains one.
    expect(text).toContain('token: ***');
    expect(text).toContain('name: w"1$x');
    expect(text).toMatch(/\n0\r?\n/);
    expect(text).not.toMatch(/hunter2|many|tok-123/);
    // The secrets are in their files only, and the launch keeps no contents.
    expect(
      await stack.onHost(
        'grep -rlaF -e hunter2 -e tok-123 /var /run /root /home /tmp /dev/shm 2>/dev/null || true',
      ),
    ).toBe('');
    expect(Number(await stack.onHost('cat /var/lib/chandler/launches/*/script | wc -c'))).toBeLessThan(2000);
    const history = JSON.stringify(await stack.client.temporal.workflow.getHandle(id).fetchHistory());
    for (const form of ['hunter2', 'tok-1234567'].flatMap((value) => [
      value,
      Buffer.from(value).toString('base64').slice(0, 8),
    ]))
      expect(history).not.toContain(form);
  });

  it('make exactly the step with the changed file and those that need it run again', async () => {
    const step = (name: string, files: StepFile[], needs: string[] = []) => ({
      name,
      needs,
      files,
      script: `echo ${name} >>/root/ledger`,
    });
    const steps = (text: string): Steps => [
      step('a', [{ path: '/srv/x/a', content: text }]),
      step('b', [], ['a']),
      step('c', [{ path: '/srv/x/c', from: 'worker:conf' }]),
      step('d', [{ path: '/srv/x/d', url: `${origin}/d`, sha256: sha256Of('from afar') }]),
    ];
    await writeFile(join(filesDir, 'conf'), 'one');
    expect((await run(steps('1'))).ran).toEqual(['a', 'b', 'c', 'd']);
    expect(await run(steps('1'))).toMatchObject({
      ran: [],
      result: { result: { outcome: 'already-provisioned' } },
    });
    expect((await run(steps('2'))).ran).toEqual(['a', 'b']);
    await writeFile(join(filesDir, 'conf'), 'two');
    expect((await run(steps('2'))).ran).toEqual(['c']);
    expect(await stack.onHost('cat /srv/x/a /srv/x/c')).toBe('2two');
    expect(await run(steps('2'))).toMatchObject({ ran: [] });
  });

  it('are enough for a step', async () => {
    const [step] = one([{ path: '/srv/x/only', content: 'x' }]);
    const { result } = await run([{ name: 'a', files: step!.files }]);
    expect(result).toMatchObject({ result: { outcome: 'provisioned' } });
    expect(await stack.onHost('cat /srv/x/only')).toBe('x');
  });

  it('decide together with the check whether a step is satisfied', async () => {
    const steps = one(
      [
        { path: '/srv/x/c', content: 'x' },
        { path: '/srv/x/k', secret: 'file:key' },
      ],
      { check: 'true' },
    );
    const again = { sentinel: { whenPresent: 'ignore' as const }, run: { force: true } };
    expect((await run(steps)).ran).toEqual(['a']);
    expect((await run(steps, again)).ran).toEqual([]);
    await stack.onHost('echo y >/srv/x/c');
    expect((await run(steps, again)).ran).toEqual(['a']);
    await addSecret(stack, 'key', `${SECRET}more\n`);
    expect((await run(steps, again)).ran).toEqual(['a']);
    await addSecret(stack, 'key', SECRET);
  });

  it('that cannot be placed fail the step before its script, with the reason in its log', async () => {
    await stack.onHost('mkdir -p /srv/x/dir');
    const failed = await run(
      one([
        { path: '/srv/x/first', content: 'x' },
        { path: '/srv/x/dir', content: 'x' },
      ]),
    );
    expect(failureOf(failed)).toMatchObject({ code: 'step-failed', exitCode: 73 });
    expect(failureOf(failed)).toMatchObject({
      logTail: expect.stringContaining('cannot place /srv/x/dir: it is a directory'),
    });
    expect(failed.ran).toEqual([]);
    expect(await stack.onHost('ls -A /srv/x')).toBe('dir\n');
  });

  it.each<[string, StepFile, string, RegExp]>([
    [
      'a missing file',
      { path: '/srv/x/a', from: 'worker:none' },
      'file-unavailable',
      /steps\[0\]\.files\[0\]\.from: none: not a file in .*CHANDLER_FILES_DIR/,
    ],
    [
      'a link out of the directory',
      { path: '/srv/x/a', from: 'worker:out' },
      'file-unavailable',
      /out: not a file in/,
    ],
    ['a directory', { path: '/srv/x/a', from: 'worker:sub' }, 'file-unavailable', /sub: it is a directory/],
    [
      'another checksum',
      { path: '/srv/x/a', from: 'worker:sub/large.bin', sha256: 'a'.repeat(64) },
      'file-unavailable',
      /has the sha256 \w+, expected aaaa/,
    ],
    [
      'a missing secret',
      { path: '/srv/x/a', secret: 'file:none' },
      'secret-unavailable',
      /steps\[0\]\.files\[0\]\.secret: none: not a file/,
    ],
  ])('are refused before the host is changed: %s', async (_, file, code, message) => {
    const refused = await run(one([file]));
    expect(failureOf(refused)).toMatchObject({ code, message: expect.stringMatching(message) });
    expect(refused.ran).toEqual([]);
  });

  it('go with an abort in the middle of a download', async () => {
    const slow = createServer((_, response) => void response.write('begin')).listen(0, '127.0.0.1');
    await once(slow, 'listening');
    const url = `http://127.0.0.1:${(slow.address() as AddressInfo).port}/`;
    const id = await stack.start({ steps: one([{ path: '/srv/x/slow', url, sha256: sha256Of('') }]) });
    await stack.until(id, ({ steps }) => steps[0]?.state === 'running', 'the step runs');
    await expect
      .poll(() => stack.onHost('ls -A /srv/x 2>/dev/null || true'), { timeout: 10_000 })
      .toContain('.chandler-new');
    await stack.client.abort(id);
    await stack.client.result(id);
    slow.closeAllConnections();
    slow.close();
    expect(await stack.onHost('ls -A /srv/x')).toBe('');
  });
});
