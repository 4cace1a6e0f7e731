import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { assert, asyncProperty, constantFrom, oneof, string } from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { raw, sh } from '../../src/shell/index.ts';
import type { Command } from '../../src/shell/index.ts';
import { openConnection } from '../../src/ssh/connection.ts';
import type { Connection } from '../../src/ssh/connection.ts';
import { collectGarbage } from '../support/collect-garbage.ts';
import { startFaultProxy } from '../support/fault-proxy.ts';
import type { FaultProxy } from '../support/fault-proxy.ts';
import { pause, startSshd } from '../support/sshd.ts';
import type { Sshd } from '../support/sshd.ts';

const HOSTILE = Array.from(`'"\\$\`!*?[]{}()<>|&;#~ \t\n\r=-%^`);
const SUM_OF_5_MILLION_X = '03a7bd518f3e4ecac11f2e77f7437928ba5d80ac0b2b26a523d90e7628bfd59b';

let sshd: Sshd;
let proxy: FaultProxy;
let shared: Connection;

beforeAll(async () => {
  sshd = await startSshd();
  proxy = await startFaultProxy(sshd.port);
  sshd.alsoKnownAt(proxy.port);
});
beforeEach(async () => {
  proxy.setMode('pass');
  if (!shared || shared.gone() !== undefined) shared = await openConnection(sshd.target());
});
afterAll(async () => {
  shared.close();
  await proxy.close();
  await sshd.stop();
});

const script = (text: string): Command => sh('sh', '-c', text);
/** Opens a connection through the proxy that tolerates little silence, but more than a busy machine causes. */
const breakable = async (): Promise<Connection> =>
  openConnection(sshd.target({ port: proxy.port }), { keepaliveMs: 200, keepaliveCount: 10 });

describe('an outcome', () => {
  it('keeps stdout and stderr apart', async () => {
    expect(await shared.exec(script('echo out; echo err >&2'))).toEqual({
      kind: 'exited',
      code: 0,
      stdout: 'out\n',
      stderr: 'err\n',
    });
  });

  it.each([0, 1, 127, 254, 255])('is exit %i if the command exits with it', async (code) => {
    expect(await shared.exec(script(`exit ${code}`))).toMatchObject({ kind: 'exited', code });
  });

  it.each(['KILL', 'TERM', 'SEGV'])('is signalled by %s', async (name) => {
    expect(await shared.exec(sh(raw(`kill -${name} $$`)))).toMatchObject({
      kind: 'signalled',
      signal: `SIG${name}`,
    });
  });

  it('is lost if the connection is reset while the command runs', async () => {
    const connection = await breakable();
    const running = connection.exec(script('echo begun; sleep 30'), { onOutput: () => proxy.reset() });
    expect(await running).toMatchObject({
      kind: 'lost',
      started: 'unknown',
      reason: expect.stringContaining('root@127.0.0.1') as string,
    });
    expect(connection.gone()).toBeDefined();
  });

  it('is lost if the connection breaks after the exit was reported but before the output is complete', async () => {
    const connection = await breakable();
    // The shell exits at once, so sshd reports exit 0, while its child still holds stdout open.
    const running = connection.exec(script('echo head; (sleep 30; echo tail) & exit 0'), {
      onOutput: () => setTimeout(() => proxy.reset(), 200),
    });
    expect(await running).toMatchObject({ kind: 'lost', started: 'unknown' });
  });

  it('is lost after the tolerated checks if the host falls silent', async () => {
    const connection = await breakable();
    const onOutput = () => proxy.setMode('blackhole');
    expect(await connection.exec(script('echo begun; exec sleep 30'), { onOutput })).toMatchObject({
      kind: 'lost',
      started: 'unknown',
      reason: expect.stringContaining('no sign of life for 2000 ms') as string,
    });
    // A command on a connection that is known to be dead has not run.
    expect(await connection.exec(sh('true'))).toMatchObject({ kind: 'lost', started: 'no' });
  });

  it('is lost and not started if the host never opened the exec', async () => {
    const connection = await breakable();
    proxy.setMode('blackhole');
    expect(await connection.exec(sh('true'))).toMatchObject({ kind: 'lost', started: 'no' });
  });

  it('is lost after the time limit', async () => {
    const connection = await openConnection(sshd.target());
    const outcome = await connection.exec(sh('sleep', '30'), { timeoutMs: 100 });
    expect(outcome).toMatchObject({
      kind: 'lost',
      started: 'unknown',
      reason: expect.stringContaining('no answer within 100 ms') as string,
    });
    expect(await connection.exec(sh('true'))).toMatchObject({ kind: 'exited' });
    connection.close();
  });

  it('is lost when the worker closes the connection', async () => {
    const connection = await openConnection(sshd.target());
    const running = connection.exec(sh('sleep', '30'));
    await pause(50);
    connection.close();
    expect(await running).toMatchObject({
      kind: 'lost',
      reason: expect.stringContaining('the worker closed') as string,
    });
  });

  it('is a refusal if the host opens no further exec, and the connection survives', async () => {
    const narrow = await startSshd({ config: ['MaxSessions 2'] });
    const connection = await openConnection(narrow.target());
    const release = join(narrow.dir, 'release');
    let begun = 0;
    const running = [1, 2].map(async () =>
      connection.exec(script(`echo; until [ -e ${release} ]; do sleep 0.02; done`), {
        onOutput: () => begun++,
      }),
    );
    await vi.waitUntil(() => begun === 2, { interval: 5, timeout: 60_000 });
    await expect(connection.exec(sh('true'))).rejects.toMatchObject({ code: 'channel-refused' });
    writeFileSync(release, '');
    expect(await Promise.all(running)).toMatchObject([{ code: 0 }, { code: 0 }]);
    connection.close();
    await narrow.stop();
  });
});

describe('output', () => {
  it('is kept only up to the limit, even of 120 MB', async () => {
    const keptBytes = () => {
      collectGarbage();
      return process.memoryUsage().arrayBuffers;
    };
    const before = keptBytes();
    let most = 0;
    let bytes = 0;
    let nextLook = 0;
    const outcome = await shared.exec(
      script('yes 0123456789abcdef | head -c 120000000; yes e | head -c 3000000 >&2'),
      {
        maxOutputBytes: 1000,
        onOutput: (chunk) => {
          bytes += chunk.length;
          if (bytes < nextLook) return;
          nextLook = bytes + 20_000_000;
          most = Math.max(most, keptBytes());
        },
      },
    );
    expect(outcome).toMatchObject({ kind: 'exited', code: 0 });
    expect(outcome.kind === 'exited' && [outcome.stdout.length, outcome.stderr.length]).toEqual([1003, 1003]);
    expect(outcome.kind === 'exited' && outcome.stdout.startsWith('0123456789abcdef\n0123')).toBe(true);
    expect(bytes).toBe(120_000_000);
    // Two windows of ssh2 are on their way, and V8 frees buffers late. All of the output would be more.
    expect(most - before).toBeLessThan(60_000_000);
  });

  it('arrives as it is written', async () => {
    const seen: [Buffer, number][] = [];
    const startedAt = performance.now();
    await shared.exec(script('echo one; sleep 1; printf "tw€\\nend"'), {
      onOutput: (chunk) => seen.push([Buffer.from(chunk), performance.now() - startedAt]),
    });
    expect(Buffer.concat(seen.map(([chunk]) => chunk)).toString()).toBe('one\ntw€\nend');
    expect((seen.at(-1)?.[1] ?? 0) - (seen[0]?.[1] ?? 0)).toBeGreaterThan(200);
  });

  it('does not affect other commands when its listener throws', async () => {
    const broken = shared.exec(script('echo x; exec sleep 0.2'), {
      onOutput: () => {
        throw new RangeError('mine');
      },
    });
    await expect(broken).rejects.toThrow(RangeError);
    expect(await shared.exec(sh('true'))).toMatchObject({ code: 0 });
  });
});

describe('stdin', () => {
  it('arrives completely, with its end', async () => {
    const outcome = await shared.exec(sh('sha256sum'), { stdin: Buffer.alloc(5_000_000, 'x') });
    expect(outcome).toMatchObject({ stdout: `${SUM_OF_5_MILLION_X}  -\n` });
  });

  it('ends at once if it is empty', async () => {
    expect(await shared.exec(sh('cat'))).toMatchObject({ code: 0, stdout: '' });
  });

  it('may be ignored by the command', async () => {
    for (const code of [0, 3]) {
      const outcome = await shared.exec(script(`exit ${code}`), { stdin: Buffer.alloc(5_000_000) });
      expect(outcome).toMatchObject({ kind: 'exited', code });
    }
  });

  it('a slow upload does not count as a silent connection', async () => {
    proxy.setMode('delay', { delayMs: 150 });
    const connection = await breakable();
    expect(await connection.exec(sh('wc', '-c'), { stdin: Buffer.alloc(5_000_000) })).toMatchObject({
      stdout: '5000000\n',
    });
    connection.close();
  });
});

describe('abort', () => {
  it('rejects at once with the reason', async () => {
    const connection = await openConnection(sshd.target());
    const abort = new AbortController();
    const running = connection.exec(sh('sleep', '30'), { signal: abort.signal });
    await pause(50);
    const reason = new Error('enough');
    abort.abort(reason);
    await expect(running).rejects.toBe(reason);
    expect(connection.gone()).toBeUndefined();
    connection.close();
  });

  it('before the start sends nothing', async () => {
    await expect(
      shared.exec(sh('touch', `${sshd.dir}/aborted`), { signal: AbortSignal.abort('early') }),
    ).rejects.toBe('early');
    expect(await shared.exec(sh('test', '-e', `${sshd.dir}/aborted`))).toMatchObject({ code: 1 });
  });
});

describe('a command', () => {
  it('is a programming error if it is longer than 8 KB', async () => {
    await expect(shared.exec(sh('echo', 'x'.repeat(8200)))).rejects.toThrow(TypeError);
    expect(await shared.exec(sh('echo', 'x'.repeat(8000)))).toMatchObject({ code: 0 });
  });

  it('reaches the host as written, whatever its words hold', async () => {
    const hostile = oneof(string({ unit: 'binary' }), string({ unit: constantFrom(...HOSTILE) }));
    await assert(
      asyncProperty(
        hostile.filter((text) => !text.includes('\0') && text.isWellFormed()),
        async (text) => {
          expect(await shared.exec(sh('printf', '%s', text))).toMatchObject({
            code: 0,
            stdout: text,
            stderr: '',
          });
        },
      ),
      { numRuns: 50, examples: [["'; exit 3; '"], ['$(exit 3)'], ['-n'], ['%s'], ['']] },
    );
  });
});
