import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import * as fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { waitForEnd, waitForEndOrPrompt } from '../../src/activities/wait-for-end.ts';
import { readPage } from '../../src/activities/read-page.ts';
import { makeLaunch } from '../../src/domain/run/ids.ts';
import type { LaunchState } from '../../src/domain/run/launch-state.ts';
import { waitPace, type WaitPace } from '../../src/domain/run/wait-pace.ts';
import type { Host } from '../../src/host/host.ts';
import type { WaitOptions } from '../../src/host/launch.ts';

const launch = makeLaunch('run', 'a', 'step', 1);
const facts = { arch: 'x86_64', os: 'test', uid: 0, bootId: 'b', stateDir: '/s', zmxDir: '/z', tools: [] };
const ref = { target: { host: 'web1', port: 2222 }, facts };
const running: LaunchState = { kind: 'running', logBytes: 0 };
const exited = (code: number) => ({
  kind: 'exited' as const,
  code,
  endedAtMs: 1,
  elapsedMs: 2,
  logBytes: 3,
});

/** A host whose launch is in a state and has a log. */
function fakeHost(state: LaunchState, log: string | Uint8Array, progress: string[] = []): Host {
  const bytes = Buffer.from(log);
  const fake: Partial<Host> = {
    async wait(_, options = {}) {
      for (const lastLine of progress) options.onProgress?.({ logBytes: bytes.length, lastLine });
      return state;
    },
    async log(_, { start, maxBytes, before = 0 }) {
      const offset = typeof start === 'number' ? start : 0;
      const from = offset < 0 ? Math.max(0, bytes.length + offset) : offset;
      return {
        state,
        bytes: bytes.subarray(from, from + maxBytes),
        before: bytes.subarray(Math.max(0, from - before), from),
        offset: from,
        size: bytes.length,
      };
    },
    place: () => ({ session: 'a', zmxPath: '/zmx', zmxDir: '/z z' }),
  };
  return fake as Host;
}
const page = (host: Host, options: { start?: number; maxBytes?: number; values?: string[] } = {}) =>
  readPage(host, launch, {
    start: 0,
    maxBytes: 1000,
    followS: 0,
    values: [],
    signal: new AbortController().signal,
    ...options,
  });

describe('a page of a log', () => {
  it('shows a prompt at once, though its line has no end', async () => {
    expect(await page(fakeHost(running, 'Password: '), { values: ['hunter2'] })).toEqual({
      text: 'Password: ',
      nextOffset: 10,
      size: 10,
      complete: false,
    });
  });

  test.each([
    ['of a secret', 'key hun', ['hunter2'], 'key '],
    ['of a secret of two lines', 'key one\ntw', ['one\ntwo'], 'key '],
    ['of a character', Buffer.from('🐎 🐎').subarray(0, 7), [], '🐎 '],
    [
      'of nothing, though it looks like one',
      Buffer.from([0x61, 0xff, 0xbf, 0xbf, 0xbf]),
      [],
      'a\ufffd\ufffd\ufffd\ufffd',
    ],
  ])('withholds the beginning %s', async (_, log, values, text) => {
    const { nextOffset, ...rest } = await page(fakeHost(running, log), { values });
    expect(rest).toMatchObject({ text, complete: false });
    expect(nextOffset).toBe(text.includes('\ufffd') ? log.length : Buffer.byteLength(text));
  });

  it('shows everything once the launch is over', async () => {
    expect(await page(fakeHost(exited(0), 'key hun'), { values: ['hunter2'] })).toEqual({
      text: 'key hun',
      nextOffset: 7,
      size: 7,
      complete: true,
    });
  });

  it('is not empty although a secret is longer than a page', async () => {
    const { nextOffset } = await page(fakeHost(running, 'abcdefgh'), {
      maxBytes: 4,
      values: ['abcdefghij'],
    });
    expect(nextOffset).toBe(4);
  });

  it('that begins in the middle of a secret shows nothing of it', async () => {
    const host = fakeHost(running, 'the key is hunter2-long. ok');
    expect((await page(host, { start: 13, values: ['hunter2-long'] })).text).toBe('***. ok');
  });

  it('shows nothing of a secret, wherever it begins and however short it is', async () => {
    const values = ['hunter2-🐎-long', 'twotwotwo', 'twoscore'];
    const log = Buffer.from(`a hunter2-🐎-long twotwotwo twoscore ${values.join('')}.`);
    for (let start = -log.length; start < log.length; start += 1) {
      for (const maxBytes of [1, 2, 3, 5, 8, 13, 1000]) {
        const { text, nextOffset } = await page(fakeHost(running, log), { start, maxBytes, values });
        expect(text.replaceAll('***', '').replaceAll(/^a| a|[ .]/g, ''), `${start} ${maxBytes}`).toBe('');
        expect(nextOffset).toBeGreaterThanOrEqual(start < 0 ? log.length + start : start);
      }
    }
  });

  it('is refused if there is no log', async () => {
    await expect(page(fakeHost({ kind: 'absent' }, ''))).rejects.toMatchObject({ code: 'log-unavailable' });
  });

  it('and the next ones form the whole log, masked as if it were in one piece', async () => {
    const secrets = ['sécret-🐎-one', 'two'.repeat(3), 'first line\nsecond line'];
    const part = fc.oneof(
      fc.constantFrom(...secrets, 'sécret-', '\n', '🐎', 'twotwo'),
      fc.string({ maxLength: 6 }),
    );
    const logs = fc.array(part, { maxLength: 12 }).map((parts) => parts.join('').toWellFormed());
    await fc.assert(
      fc.asyncProperty(logs, fc.integer({ min: 30, max: 60 }), async (log, maxBytes) => {
        let [text, offset] = ['', 0];
        for (let pages = 0; ; pages += 1) {
          // While the step runs the log grows: only the last page is of a launch that is over.
          const size = Math.min(Buffer.byteLength(log), offset + maxBytes);
          const over = size === Buffer.byteLength(log);
          const host = fakeHost(over ? exited(0) : running, Buffer.from(log).subarray(0, size));
          const next = await page(host, { start: offset, maxBytes, values: secrets });
          text += next.text;
          if (next.complete) break;
          expect(next.nextOffset).toBeGreaterThan(offset);
          offset = next.nextOffset;
          expect(pages).toBeLessThan(1000);
        }
        for (const secret of ['sécret-🐎-one', 'twotwotwo', 'first line', 'second line']) {
          expect(text).not.toContain(secret);
        }
        expect(text).not.toContain('\ufffd');
      }),
    );
  });
});

describe('waiting for a launch', () => {
  const settle = async (host: Host, values: string[] = [], pace: WaitPace = waitPace(0).pace) => {
    const env = new MockActivityEnvironment(undefined, { logger: new DefaultLogger('ERROR') });
    const beats: unknown[] = [];
    env.on('heartbeat', (details: unknown) => beats.push(details));
    const result: unknown = await env
      .run(() => waitForEnd({ host, ref, launch, secrets: values, pace }))
      .catch((error: unknown) => error);
    return { result, beats };
  };

  /** A wait that reports prompts one after another, and ends in time unless it is aborted. */
  const prompting = async (known: string, prompts: readonly (string | undefined)[]) => {
    const env = new MockActivityEnvironment(undefined, { logger: new DefaultLogger('ERROR') });
    let aborted = false;
    const host = fakeHost(exited(0), 'x');
    host.wait = async (_, options) => {
      const { signal, onProgress } = options ?? {};
      for (const prompt of prompts)
        onProgress?.({ logBytes: 1, lastLine: 'hunter2: Sure? ', ...(prompt !== undefined && { prompt }) });
      aborted = signal?.aborted === true;
      signal?.throwIfAborted();
      return exited(0);
    };
    const result: unknown = await env.run(() =>
      waitForEndOrPrompt({ host, ref, launch, secrets: ['hunter2'], pace: waitPace(0).pace }, known),
    );
    return { result, aborted };
  };
  const end = { exitCode: 0, elapsedMs: 2, logBytes: 3 };

  it.each([
    ['another prompt', '', ['', '7'], '7'],
    ['the next prompt', '7', ['7', '8'], '8'],
    ['no prompt any more', '7', ['7', ''], ''],
  ])('ends at %s, with its line and how to attach, secrets masked', async (_, known, prompts, prompt) => {
    expect(await prompting(known, prompts)).toEqual({
      aborted: true,
      result: {
        prompt,
        lastLine: '***: Sure?',
        attach: expect.stringMatching(/^ssh -t .*web1.* attach a/) as string,
      },
    });
  });

  it.each([
    ['the same prompt', '7', ['7', '7']],
    ['nothing known', '7', [undefined, undefined]],
    ['no prompt', '', ['', undefined]],
  ])('waits on for the end of the launch while there is %s', async (_, known, prompts) => {
    expect(await prompting(known, prompts)).toEqual({ aborted: false, result: end });
  });

  it('asks the host for less progress as the step gets older, and ends when its time is up', async () => {
    const asked: unknown[] = [];
    const host = {
      ...fakeHost(running, ''),
      async wait(_: string, { everyS, forS }: WaitOptions) {
        asked.push([everyS, forS]);
        await new Promise((resolve) => setTimeout(resolve, 60));
        return running;
      },
    } as unknown as Host;
    for (const lastsMs of [100, undefined]) {
      const pace = { ageMs: 0, heartbeatEveryMs: 60_000, ...(lastsMs !== undefined && { lastsMs }) };
      const { result } = await settle(host, [], pace);
      if (lastsMs === undefined) expect(result).toMatchObject({ code: 'connection-lost' });
      else expect(result).toBe('running');
    }
    await settle(host, [], { ageMs: 0, heartbeatEveryMs: 2_000, lastsMs: 1_500 });
    expect(asked).toEqual([
      [6, 1],
      [6, undefined],
      [2, 2],
    ]);
  });

  it('fails on a host that stops waiting at once, so that it is not asked in a loop', async () => {
    const { result } = await settle(fakeHost(running, ''));
    expect(result).toMatchObject({ code: 'connection-lost' });
  });

  it('succeeds for exit code 0 only', async () => {
    expect((await settle(fakeHost(exited(0), 'x'))).result).toEqual({
      exitCode: 0,
      elapsedMs: 2,
      logBytes: 3,
    });
  });

  test.each<[LaunchState, string, string]>([
    [exited(3), 'step-failed', 'a on root@web1:2222: exit 3'],
    [exited(137), 'step-failed', 'a on root@web1:2222: exit 137 (KILL)'],
    [
      { kind: 'interrupted', rebooted: true, logBytes: 0 },
      'step-interrupted',
      'a on root@web1:2222: the host rebooted',
    ],
    [
      { kind: 'interrupted', rebooted: false, logBytes: 0 },
      'step-interrupted',
      'a on root@web1:2222: it was cut short',
    ],
    [{ kind: 'cancelled' }, 'step-interrupted', 'a on root@web1:2222: Chandler ended it before it began'],
    [{ ...exited(143), killed: true }, 'step-interrupted', 'a on root@web1:2222: Chandler ended it'],
    [{ ...exited(0), killed: true }, 'step-interrupted', 'a on root@web1:2222: Chandler ended it'],
    [{ kind: 'created' }, 'launch-not-started', 'a on root@web1:2222 has not begun'],
    [
      { kind: 'absent' },
      'step-interrupted',
      'a on root@web1:2222: its records on the host are gone: something removed or replaced them',
    ],
  ])('fails for %j with %s', async (state, code, message) => {
    expect((await settle(fakeHost(state, 'x'))).result).toMatchObject({ code, message });
  });

  it('fails with how the step ended, how to attach, and the masked end of its log', async () => {
    const log = `${'x'.repeat(5000)}\nthe key is \u001b[1mhunter2\u001b[0m\n`;
    const { result } = await settle(fakeHost(exited(3), log), ['hunter2']);
    expect(result).toMatchObject({
      facts: {
        step: 'a',
        host: 'web1',
        exitCode: 3,
        advice: `Look around with: \`ssh -t -p 2222 root@web1 'env ZMX_DIR='\\''/z z'\\'' /zmx list --short | grep -qxF a && env ZMX_DIR='\\''/z z'\\'' /zmx attach a || echo no session a any more'\` — and fix the cause.`,
        logTail: expect.stringMatching(/^x{4000,4100}\nthe key is \*\*\*\n$/) as string,
      },
    });
  });

  it('masks a secret that the log tail or the last line cuts', async () => {
    const secret = 'hunter2-is-a-long-secret';
    const cut = `${secret}${'x'.repeat(4084)}`;
    const state: LaunchState = { kind: 'interrupted', rebooted: false, logBytes: 0 };
    for (const [line, shown] of [
      ['a-long-secret is', '*** is'],
      ['it is hunter2-is', 'it is ***'],
    ] as const) {
      const { result, beats } = await settle(fakeHost(state, cut, [line]), [secret]);
      expect((result as { facts: { logTail: string } }).facts.logTail.slice(0, 10)).toBe('***xxxxxxx');
      expect(beats.at(-1)).toMatchObject({ lastLine: shown });
    }
  });

  it('fails with the failure of the step even if its log cannot be read', async () => {
    const host = {
      ...fakeHost(exited(3), ''),
      log: () => Promise.reject(new Error('gone')),
    } as unknown as Host;
    expect((await settle(host)).result).toMatchObject({
      code: 'step-failed',
      facts: { logTail: '(the log cannot be read: gone)' },
    });
  });
});
