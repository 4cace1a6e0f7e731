import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startFaultProxy, type FaultProxy } from '../support/fault-proxy.ts';
import { startStack, type Stack, type WorkerProcess } from '../support/stack.ts';

/** Prints a line every tenth of a second, and records each start in a file. */
const counting = (mark: string, lines: number, before: string) =>
  `echo ran >> /root/${mark}; ${before}for i in $(seq ${lines}); do echo "line $i"; sleep 0.1; done`;

describe('a run', () => {
  let stack: Stack;
  let first: WorkerProcess;
  let proxy: FaultProxy;
  beforeAll(async () => {
    stack = await startStack({ workers: 0 });
    first = await stack.startWorker();
    proxy = await startFaultProxy(stack.host.port);
  });
  afterAll(async () => {
    await proxy?.close();
    await stack?.stop();
  });

  const expectRanOnce = async (id: string, mark: string, lines: number) => {
    expect((await stack.client.result(id)).outcome).toBe('provisioned');
    expect(await stack.onHost(`cat /root/${mark}`)).toBe('ran\n');
    const { text, complete } = await stack.client.readLog(id, mark);
    expect(complete).toBe(true);
    expect(text.trim().split('\r\n')).toEqual(Array.from({ length: lines }, (_, i) => `line ${i + 1}`));
    expect((await stack.client.status(id)).steps[0]?.attempt).toBe(1);
  };
  const startCounting = async (mark: string, lines: number, port = stack.host.port, before = '') => {
    const id = await stack.start({
      target: stack.target({ port }),
      steps: [{ name: mark, script: counting(mark, lines, before) }],
    });
    await stack.until(id, (s) => s.steps[0]?.state === 'running', 'the step runs');
    await expect.poll(() => stack.onHost(`cat /root/${mark} 2>/dev/null || true`)).toBe('ran\n');
    return id;
  };

  it('survives a worker killed with SIGKILL during a step', async () => {
    const id = await startCounting('killed', 40);
    await stack.startWorker();
    await first.kill('SIGKILL');
    await expectRanOnce(id, 'killed', 40);
  });

  it('survives a worker that stops on SIGTERM, at once and without disturbing the step', async () => {
    const worker = await stack.startWorker();
    const id = await startCounting(
      'stopped',
      30,
      stack.host.port,
      'until [ -e /root/go ]; do sleep 0.1; done; ',
    );
    // The step does not end before the worker.
    await worker.kill('SIGTERM');
    expect(worker.log()).toContain('worker stopped');
    await stack.onHost('touch /root/go');
    await expectRanOnce(id, 'stopped', 30);
  });

  it('lets a worker stop on SIGTERM while the server is silent', async () => {
    const server = await startFaultProxy(Number(stack.address.split(':').at(-1)));
    try {
      const worker = await stack.startWorker({ TEMPORAL_ADDRESS: `127.0.0.1:${server.port}` });
      server.setMode('blackhole');
      await worker.kill('SIGTERM');
      expect(worker.log()).toContain('worker stopped');
    } finally {
      await server.close();
    }
  });

  it('survives a lost machine of a worker, whose tasks other workers take over', async () => {
    const server = await startFaultProxy(Number(stack.address.split(':').at(-1)));
    try {
      const id = await startCounting('lost', 1);
      await expectRanOnce(id, 'lost', 1);
      const read = await stack.client.openLog(id, 'lost');
      const worker = await stack.startWorker({ TEMPORAL_ADDRESS: `127.0.0.1:${server.port}` });
      server.setMode('blackhole');
      await worker.kill('SIGKILL');
      const eight = Array.from({ length: 8 });
      const pages = eight.map(() => read());
      await Promise.all(eight.map(() => stack.client.status(id)));
      expect((await Promise.all(pages)).map(({ text }) => text)).toEqual(eight.map(() => 'line 1\r\n'));
    } finally {
      await server.close();
    }
  });

  it('survives a connection that is reset', async () => {
    const id = await startCounting('reset', 30, proxy.port);
    for (let i = 0; i < 3; i += 1) {
      proxy.reset();
      await delay(400);
    }
    await expectRanOnce(id, 'reset', 30);
  });

  it('survives a connection that is silent for longer than every timeout', async () => {
    const id = await startCounting('silent', 40, proxy.port);
    proxy.setMode('blackhole');
    await delay(16_000);
    proxy.setMode('pass');
    await expectRanOnce(id, 'silent', 40);
  });

  it('survives a host that refuses connections for ten seconds', async () => {
    const id = await startCounting('refused', 20, proxy.port);
    await proxy.refuse();
    proxy.reset();
    await delay(10_000);
    await proxy.accept();
    await expectRanOnce(id, 'refused', 20);
  });

  it('survives a killed supervisor: the attempt is interrupted and leaves no process beside the next one', async () => {
    const id = await stack.start({
      steps: [
        {
          name: 'cut',
          script: '[ "$CHANDLER_ATTEMPT" -gt 1 ] || exec sleep 4801',
          retry: { attempts: 2, backoff: 100 },
        },
      ],
    });
    await expect.poll(() => stack.onHost('ps -e -o args')).toContain('sleep 4801');
    await stack.onHost(
      'for f in /var/lib/chandler/launches/*/started; do [ -e "${f%started}exit" ] || kill -9 $(sed -n s/^pid=//p "$f"); done',
    );
    expect((await stack.client.result(id)).outcome).toBe('provisioned');
    expect(await stack.onHost('ps -e -o args')).not.toContain('sleep 4801');
  });

  it.each(['abort', 'cancel'] as const)(
    'leaves no process after %s, not even children with setsid and nohup',
    async (how) => {
      const id = await stack.start({
        steps: [
          {
            name: 'stays',
            script: 'setsid sleep 4901 & nohup sleep 4902 & sleep 4903',
            finalize: 'touch /root/never',
          },
          { name: 'failed', script: 'setsid sleep 4904 & sleep 0.2; exit 1' },
        ],
        sentinel: { path: `/root/sentinel-${how}` },
      });
      const sleepers = async () =>
        (await stack.onHost('ps -e -o args | grep "[s]leep 49" || true')).trim().split('\n');
      await expect.poll(async () => (await sleepers()).length).toBe(4);
      await stack.until(id, (s) => s.attention, 'parked');
      if (how === 'abort') await stack.client.abort(id, { reason: 'test' });
      else await stack.client.temporal.workflow.getHandle(id).cancel();
      expect((await stack.client.result(id)).outcome).toBe('aborted');
      expect(await sleepers()).toEqual(['']);
      await stack.onHost(`test ! -e /root/never && test ! -e /root/sentinel-${how}`);
      expect(await stack.onHost('ZMX_DIR=/run/chandler/zmx zmx list --short')).not.toMatch(/stays/);
    },
  );

  it('survives a hundred megabytes of output with a complete log, constant memory and a small history', async () => {
    const worker = await stack.startWorker();
    const rssKib = async () => {
      const { readFileSync } = await import('node:fs');
      return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${worker.pid}/status`, 'utf8'))?.[1]);
    };
    const before = await rssKib();
    const id = await stack.start({
      steps: [
        { name: 'flood', script: 'stty -opost; head -c 100000000 /dev/zero | tr "\\0" x | fold -w 99' },
      ],
    });
    expect((await stack.client.result(id)).outcome).toBe('provisioned');
    expect((await rssKib()) - before).toBeLessThan(100_000);
    const page = await stack.client.readLog(id, 'flood', { offset: -10 });
    expect(page.size).toBe(101_010_101);
    const { historySize } = await stack.client.temporal.workflow.getHandle(id).describe();
    expect(historySize).toBeLessThan(50_000);
  });
});
