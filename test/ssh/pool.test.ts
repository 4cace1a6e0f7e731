import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { sh } from '../../src/shell/index.ts';
import type { Executor } from '../../src/ssh/executor.ts';
import { createSshPool } from '../../src/ssh/pool.ts';
import type { SshPool } from '../../src/ssh/pool.ts';
import type { SshPoolEvent, SshPoolOptions } from '../../src/ssh/pool-options.ts';
import { startFaultProxy } from '../support/fault-proxy.ts';
import type { FaultProxy } from '../support/fault-proxy.ts';
import { startSshd } from '../support/sshd.ts';
import type { Sshd, SshdOptions } from '../support/sshd.ts';

let sshd: Sshd;
let proxy: FaultProxy;
const others: Sshd[] = [];
let pools: SshPool[] = [];

beforeAll(async () => {
  sshd = await startSshd();
  proxy = await startFaultProxy(sshd.port);
  sshd.alsoKnownAt(proxy.port);
});
afterEach(async () => {
  await Promise.all(pools.map(async (pool) => pool.close()));
  pools = [];
  proxy.setMode('pass');
});
afterAll(async () => {
  await proxy.close();
  await Promise.all([sshd, ...others].map(async (server) => server.stop()));
});

function makePool(options: SshPoolOptions = {}): SshPool {
  // A busy machine takes long for a login.
  const pool = createSshPool({ readyTimeoutMs: 60_000, drainMs: 100, ...options });
  pools.push(pool);
  return pool;
}
const through = (): ReturnType<Sshd['target']> => sshd.target({ port: proxy.port });
const times = async <T>(count: number, work: () => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, work));
const ok = { kind: 'exited', code: 0 };

/** Commands that run until they are released. */
function holdCommands(name: string) {
  const file = join(sshd.dir, name);
  const wait = sh('sh', '-c', 'echo; until [ -e "$0" ]; do sleep 0.1; done', file);
  let begun = 0;
  const onOutput = (): number => ++begun;
  return {
    run: (executor: Executor) => async () => executor.exec(wait, { onOutput }),
    begun: async (count: number) => vi.waitUntil(() => begun === count, { interval: 5, timeout: 100_000 }),
    release: () => writeFileSync(file, ''),
  };
}

/** Starts another server, which ends after all tests. */
async function startOther(options?: SshdOptions): Promise<Sshd> {
  const server = await startSshd(options);
  others.push(server);
  return server;
}

describe('a pool', () => {
  it('dials once for ten simultaneous commands when it is cold', async () => {
    const pool = makePool({ growAfterMs: 600_000 });
    const executor = pool.executor(through());
    const before = proxy.accepted();
    expect(await times(10, async () => executor.exec(sh('true')))).toEqual(
      Array(10).fill(expect.objectContaining(ok)),
    );
    expect(proxy.accepted() - before).toBe(1);
    expect(pool.stats()).toEqual({ hosts: 1, connections: 1, dialing: 0, active: 0, waiting: 0, dials: 1 });
  });

  it('dials a host although all dials to hosts that fail are under way', async () => {
    const pool = makePool({ dials: 1 });
    const silent = pool.executor(through());
    await proxy.refuse();
    await expect(silent.exec(sh('true'))).rejects.toMatchObject({ code: 'host-unreachable' });
    await proxy.accept();
    proxy.setMode('blackhole');
    const again = silent.exec(sh('true')).catch((error: unknown) => error);
    await vi.waitUntil(() => pool.stats().dialing === 1, 20_000);
    expect(await pool.executor(sshd.target()).exec(sh('true'))).toMatchObject(ok);
    expect(pool.stats().dialing).toBe(1);
    proxy.reset();
    await again;
  });

  it('dials no further host once it is closed', async () => {
    let failed = 0;
    const onEvent = ({ kind }: SshPoolEvent) => (failed += kind === 'dial-failed' ? 1 : 0);
    const pool = makePool({ dials: 1, onEvent });
    proxy.setMode('blackhole');
    const both = [through(), sshd.target()].map((target) =>
      pool.executor(target).exec(sh('true')).catch(String),
    );
    await vi.waitUntil(() => proxy.open() === 1, 20_000);
    expect(pool.stats().dialing).toBe(2);
    await pool.close();
    proxy.reset();
    await Promise.all(both);
    await vi.waitUntil(() => failed === 2, 20_000);
    expect(pool.stats().dials).toBe(1);
  });

  it('reports a failed first dial to every waiting command', async () => {
    const pool = makePool();
    const executor = pool.executor(sshd.target({ user: 'nobody' }));
    const results = await Promise.allSettled(
      Array.from({ length: 10 }, async () => executor.exec(sh('true'))),
    );
    expect(
      results.map((result) => result.status === 'rejected' && (result.reason as { code: string }).code),
    ).toEqual(Array(10).fill('auth-failed'));
    expect(pool.stats()).toMatchObject({ hosts: 0, dials: 1, waiting: 0 });
  });

  it('opens more connections for long commands, so that thirty run at a time', async () => {
    const pool = makePool();
    const held = holdCommands('thirty');
    const outcomes = times(30, held.run(pool.executor(sshd.target())));
    await held.begun(30);
    held.release();
    expect(await outcomes).toEqual(Array(30).fill(expect.objectContaining(ok)));
    expect(pool.stats().connections).toBeGreaterThan(3);
  });

  it('fails while the host refuses connections, and works again afterwards', async () => {
    const executor = makePool().executor(through());
    await proxy.refuse();
    await expect(executor.exec(sh('true'))).rejects.toMatchObject({ code: 'host-unreachable' });
    await proxy.accept();
    expect(await executor.exec(sh('true'))).toMatchObject(ok);
  });

  it('queues commands at the connection limit until one is free, aborted or timed out', async () => {
    const pool = makePool({ connectionsPerHost: 1, execsPerConnection: 2, growAfterMs: 1 });
    const executor = pool.executor(sshd.target());
    const held = holdCommands('busy');
    const busy = times(2, held.run(executor));
    await held.begun(2);
    const abort = new AbortController();
    const aborted = executor.exec(sh('true'), { signal: abort.signal });
    const late = executor.exec(sh('true'), { timeoutMs: 50 });
    const patient = executor.exec(sh('true'));
    expect(pool.stats()).toMatchObject({ active: 2, waiting: 3 });
    abort.abort('given up');
    await expect(aborted).rejects.toBe('given up');
    expect(await late).toMatchObject({
      kind: 'lost',
      started: 'no',
      reason: expect.stringContaining('no free connection') as string,
    });
    held.release();
    expect([...(await busy), await patient]).toMatchObject([ok, ok, ok]);
    expect(pool.stats()).toMatchObject({ connections: 1, dials: 1, waiting: 0 });
  });

  it('closes an idle connection', async () => {
    const pool = makePool({ idleCloseMs: 100 });
    await pool.executor(sshd.target()).exec(sh('true'));
    expect(pool.stats().connections).toBe(1);
    await pool.executor(sshd.target()).exec(sh('sleep', '0.3'));
    expect(pool.stats().connections).toBe(1);
    await expect.poll(() => pool.stats()).toMatchObject({ hosts: 0, connections: 0, dials: 1 });
  });

  it('replaces a connection that was killed while idle', async () => {
    const events: SshPoolEvent['kind'][] = [];
    const pool = makePool({ onEvent: (event) => events.push(event.kind) });
    const executor = pool.executor(through());
    await executor.exec(sh('true'));
    proxy.reset();
    await expect.poll(() => pool.stats().connections).toBe(0);
    expect(await executor.exec(sh('true'))).toMatchObject(ok);
    expect(events).toEqual(['opened', 'gone', 'opened']);
  });

  it('replaces a connection that dies before the command is sent', async () => {
    const pool = makePool();
    const executor = pool.executor(through());
    await executor.exec(sh('true'));
    proxy.reset();
    expect(await executor.exec(sh('true'))).toMatchObject(ok);
    expect(pool.stats().dials).toBe(2);
  });

  it('replaces a silent connection once', async () => {
    let cured = true;
    const pool = makePool({
      keepaliveMs: 200,
      keepaliveCount: 10,
      onEvent: ({ kind }) => kind === 'gone' && cured && proxy.setMode('pass'),
    });
    const executor = pool.executor(through());
    await executor.exec(sh('true'));
    proxy.setMode('blackhole');
    expect(await executor.exec(sh('true'))).toMatchObject(ok);
    expect(pool.stats().dials).toBe(2);
    cured = false;
    proxy.setMode('blackhole');
    await proxy.refuse();
    await expect(executor.exec(sh('true'))).rejects.toMatchObject({ code: 'host-unreachable' });
    expect(pool.stats()).toMatchObject({ hosts: 0, connections: 0, active: 0, dials: 3 });
    await proxy.accept();
  });

  it('waits longer for a host that was silent last time', async () => {
    const pool = createSshPool({ readyTimeoutMs: 200, drainMs: 100 });
    pools.push(pool);
    const executor = pool.executor(through());
    const dial = async () => executor.exec(sh('true')).then(String, (error: Error) => error.message);
    proxy.setMode('blackhole');
    expect(await dial()).toContain('sent nothing for 200 ms');
    const secondAt = performance.now();
    expect(await dial()).toContain('sent nothing for 400 ms');
    expect(await dial()).toContain('sent nothing for 800 ms');
    expect(performance.now() - secondAt).toBeGreaterThan(1100);
    proxy.setMode('pass');
  });

  it('does not wait longer for a host because its jump host was silent', async () => {
    const pool = createSshPool({ readyTimeoutMs: 200, drainMs: 100 });
    pools.push(pool);
    const server = createServer((socket) => socket.on('error', () => undefined)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const jump = through();
    const silent = pool.executor({ ...sshd.target(), port: (server.address() as AddressInfo).port, jump });
    const dial = async () => silent.exec(sh('true')).then(String, (error: Error) => error.message);
    proxy.setMode('blackhole');
    expect(await dial()).toContain(`127.0.0.1:${proxy.port}`);
    expect(await dial()).toContain('sent nothing for 400 ms');
    proxy.setMode('pass');
    // A login may take longer than that on a busy machine.
    await expect.poll(() => pool.executor(jump).exec(sh('true')), { timeout: 100_000 }).toMatchObject(ok);
    expect(await dial()).toContain('sent nothing for 200 ms');
    server.close();
  });

  it('never repeats a command that may have run', async () => {
    const pool = makePool();
    const executor = pool.executor(through());
    const file = `${sshd.dir}/ran`;
    await executor.exec(sh('true'));
    const running = executor.exec(sh('sh', '-c', 'echo x >>"$0"; echo begun; sleep 5', file), {
      onOutput: () => proxy.reset(),
    });
    expect(await running).toMatchObject({ kind: 'lost', started: 'unknown' });
    expect(await executor.exec(sh('cat', file))).toMatchObject({ ...ok, stdout: 'x\n' });
  });

  it('works with a host that allows one exec per connection', async () => {
    const narrow = await startOther({ config: ['MaxSessions 1'] });
    const pool = makePool();
    const executor = pool.executor(narrow.target());
    const outcomes = await times(12, async () => executor.exec(sh('sleep', '0.1')));
    expect(outcomes).toEqual(Array(12).fill(expect.objectContaining(ok)));
    await pool.close();
  });

  it.each([1, 2, 4])('keeps its connections to a host that allows %i execs over each', async (allowed) => {
    const narrow = await startOther({ config: [`MaxSessions ${allowed}`] });
    const pool = makePool({ execsPerConnection: allowed, connectionsPerHost: 1 });
    const executor = pool.executor(narrow.target());
    await times(allowed, async () => {
      for (let i = 0; i < 20; i += 1) expect(await executor.exec(sh('true'))).toMatchObject(ok);
    });
    // A host that is busy for long may count an ended exec too often.
    expect(pool.stats().dials).toBeLessThan(4);
  });

  it('reports a host that allows no exec at all', async () => {
    const none = await startOther({ config: ['MaxSessions 0'] });
    const pool = makePool();
    const executor = pool.executor(none.target());
    const results = await Promise.allSettled(
      Array.from({ length: 8 }, async () => executor.exec(sh('true'))),
    );
    expect(
      results.map((result) => result.status === 'rejected' && (result.reason as { code: string }).code),
    ).toEqual(Array(8).fill('channel-refused'));
    expect(pool.stats().dials).toBeLessThan(20);
    await pool.close();
  });

  it('counts the exec of a command that timed out as still in use', async () => {
    const pool = makePool({ execsPerConnection: 2 });
    const executor = pool.executor(sshd.target());
    await executor.exec(sh('true'));
    for (let i = 0; i < 3; i++)
      expect(await executor.exec(sh('sleep', '3'), { timeoutMs: 500 })).toMatchObject({ kind: 'lost' });
    expect(await executor.exec(sh('true'))).toMatchObject(ok);
    expect(pool.stats()).toMatchObject({ connections: 1, dials: 2 });
  });

  it('keeps separate connections for targets that differ in identity, user or policy', async () => {
    const pool = makePool();
    const strict = sshd.target();
    await pool.executor(strict).exec(sh('true'));
    await pool.executor({ ...strict }).exec(sh('true'));
    expect(pool.stats().dials).toBe(1);
    const pinned = pool.executor({ ...strict, hostKey: { kind: 'pinned', fingerprint: 'SHA256:x' } });
    await expect(pinned.exec(sh('true'))).rejects.toMatchObject({ code: 'host-key-mismatch' });
    const stranger = pool.executor({ ...strict, auth: { kind: 'key', privateKey: 'x', source: 'client' } });
    await expect(stranger.exec(sh('true'))).rejects.toMatchObject({ code: 'identity-unavailable' });
  });

  it('uses one connection to a jump host', async () => {
    const inner = await startOther();
    const before = proxy.accepted();
    const pool = makePool({ idleCloseMs: 200 });
    const jump = through();
    const executor = pool.executor({ ...inner.target(), jump });
    expect(await times(10, async () => executor.exec(sh('sleep', '0.2')))).toEqual(
      Array(10).fill(expect.objectContaining(ok)),
    );
    expect(proxy.accepted() - before).toBe(1);
    expect(pool.stats().hosts).toBe(2);
    proxy.reset();
    await expect.poll(() => pool.stats()).toMatchObject({ hosts: 0, connections: 0 });
    expect(await executor.exec(sh('true'))).toMatchObject(ok);
    await expect.poll(() => pool.stats()).toMatchObject({ hosts: 0, connections: 0 });
    const wrongJump = pool.executor({ ...inner.target(), jump: { ...jump, user: 'nobody' } });
    await expect(wrongJump.exec(sh('true'))).rejects.toMatchObject({ code: 'auth-failed' });
  });

  it('lets short commands finish when it is closed, ends long ones and accepts no more', async () => {
    const pool = makePool({ drainMs: 5000 });
    const executor = pool.executor(sshd.target());
    let begun = 0;
    const onOutput = (): number => ++begun;
    const short = executor.exec(sh('sh', '-c', 'echo; sleep 0.3'), { onOutput });
    const long = executor.exec(sh('sh', '-c', 'echo; exec sleep 600'), { onOutput });
    await vi.waitUntil(() => begun === 2, { interval: 5, timeout: 60_000 });
    await pool.close();
    expect(await short).toMatchObject(ok);
    expect(await long).toMatchObject({ kind: 'lost' });
    await expect(executor.exec(sh('true'))).rejects.toMatchObject({ code: 'connection-lost' });
    expect(pool.stats()).toMatchObject({ hosts: 0, connections: 0 });
  });

  it('refuses a command of more than 8 KB before dialing', async () => {
    const pool = makePool();
    await expect(pool.executor(sshd.target()).exec(sh('echo', 'x'.repeat(9000)))).rejects.toThrow(TypeError);
    expect(pool.stats().dials).toBe(0);
  });
});
