import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import * as fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { waitAndSettle } from '../../src/activities/launches.ts';
import { readPage } from '../../src/activities/log-page.ts';
import { makeLaunch } from '../../src/domain/ids.ts';
import type { LaunchState } from '../../src/domain/launch-state.ts';
import type { Runner } from '../../src/provision/runner.ts';

const launch = makeLaunch('run', 'a', 'step', 1);
const facts = { arch: 'x86_64', os: 'test', uid: 0, bootId: 'b', stateDir: '/s', zmxDir: '/z', tools: [] };
const host = { target: { host: 'web1', port: 2222 }, facts };
const running: LaunchState = { kind: 'running', logBytes: 0 };
const exited = (code: number): LaunchState => ({
  kind: 'exited',
  code,
  endedAtMs: 1,
  elapsedMs: 2,
  logBytes: 3,
});

/** A runner whose launch is in a state and has a log. */
function fakeRunner(state: LaunchState, log: string | Uint8Array, progress: string[] = []): Runner {
  const bytes = Buffer.from(log);
  const fake: Partial<Runner> = {
    async waitLaunch(_, options = {}) {
      for (const lastLine of progress) options.onProgress?.({ logBytes: bytes.length, lastLine });
      return state;
    },
    async readLog(_, start, maxBytes, _followS, _signal, before = 0) {
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
  return fake as Runner;
}
const page = (runner: Runner, options: { start?: number; maxBytes?: number; values?: string[] } = {}) =>
  readPage(runner, launch, {
    start: 0,
    maxBytes: 1000,
    followS: 0,
    values: [],
    signal: new AbortController().signal,
    ...options,
  });

describe('a page of a log', () => {
  it('shows a prompt at once, though its line has no end', async () => {
    expect(await page(fakeRunner(running, 'Password: '), { values: ['hunter2'] })).toEqual({
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
  ])('keeps back the beginning %s', async (_, log, values, text) => {
    const { nextOffset, ...rest } = await page(fakeRunner(running, log), { values });
    expect(rest).toMatchObject({ text, complete: false });
    expect(nextOffset).toBe(text.includes('\ufffd') ? log.length : Buffer.byteLength(text));
  });

  it('shows everything once the launch is over', async () => {
    expect(await page(fakeRunner(exited(0), 'key hun'), { values: ['hunter2'] })).toEqual({
      text: 'key hun',
      nextOffset: 7,
      size: 7,
      complete: true,
    });
  });

  it('gets on although a secret is longer than a page', async () => {
    const { nextOffset } = await page(fakeRunner(running, 'abcdefgh'), {
      maxBytes: 4,
      values: ['abcdefghij'],
    });
    expect(nextOffset).toBe(4);
  });

  it('that begins in the middle of a secret shows nothing of it', async () => {
    const runner = fakeRunner(running, 'the key is hunter2-long. ok');
    expect((await page(runner, { start: 13, values: ['hunter2-long'] })).text).toBe('***. ok');
  });

  it('shows nothing of a secret, wherever it begins and however short it is', async () => {
    const values = ['hunter2-🐎-long', 'twotwotwo', 'twoscore'];
    const log = Buffer.from(`a hunter2-🐎-long twotwotwo twoscore ${values.join('')}.`);
    for (let start = -log.length; start < log.length; start += 1) {
      for (const maxBytes of [1, 2, 3, 5, 8, 13, 1000]) {
        const { text, nextOffset } = await page(fakeRunner(running, log), { start, maxBytes, values });
        expect(text.replaceAll('***', '').replaceAll(/^a| a|[ .]/g, ''), `${start} ${maxBytes}`).toBe('');
        expect(nextOffset).toBeGreaterThanOrEqual(start < 0 ? log.length + start : start);
      }
    }
  });

  it('is refused where there is no log', async () => {
    await expect(page(fakeRunner({ kind: 'absent' }, ''))).rejects.toMatchObject({ code: 'log-unavailable' });
  });

  it('and the next ones make the whole log, redacted as if it were in one piece', async () => {
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
          const runner = fakeRunner(over ? exited(0) : running, Buffer.from(log).subarray(0, size));
          const next = await page(runner, { start: offset, maxBytes, values: secrets });
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
  const settle = async (runner: Runner, values: string[] = []) => {
    const env = new MockActivityEnvironment(undefined, { logger: new DefaultLogger('ERROR') });
    const beats: unknown[] = [];
    env.on('heartbeat', (details: unknown) => beats.push(details));
    const result: unknown = await env
      .run(() => waitAndSettle(runner, host, launch, values))
      .catch((error: unknown) => error);
    return { result, beats };
  };

  it('succeeds for exit code 0 only', async () => {
    expect((await settle(fakeRunner(exited(0), 'x'))).result).toEqual({
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
    [{ kind: 'cancelled' }, 'step-interrupted', 'a on root@web1:2222: it was cut short'],
    [{ kind: 'created' }, 'launch-not-started', 'a on root@web1:2222 has not begun'],
    [{ kind: 'absent' }, 'launch-not-started', 'a on root@web1:2222 has not begun'],
  ])('fails for %j with %s', async (state, code, message) => {
    expect((await settle(fakeRunner(state, 'x'))).result).toMatchObject({ code, message });
  });

  it('tells how the step ended, how to attach, and the redacted end of its log', async () => {
    const log = `${'x'.repeat(5000)}\nthe key is \u001b[1mhunter2\u001b[0m\n`;
    const { result } = await settle(fakeRunner(exited(3), log), ['hunter2']);
    expect(result).toMatchObject({
      facts: {
        step: 'a',
        host: 'web1',
        exitCode: 3,
        advice: `Look around with: \`ssh -t -p 2222 root@web1 'ZMX_DIR='\\''/z z'\\'' /zmx attach a'\` — then retry or skip the step.`,
        logTail: expect.stringMatching(/^x{4000,4100}\nthe key is \*\*\*\n$/) as string,
      },
    });
  });

  it('shows nothing of a secret that the tail or the last line begins or ends in', async () => {
    const secret = 'hunter2-is-a-long-secret';
    const cut = `${secret}${'x'.repeat(4084)}`;
    const state: LaunchState = { kind: 'interrupted', rebooted: false, logBytes: 0 };
    const { result, beats } = await settle(fakeRunner(state, cut, ['a-long-secret is', 'it is hunter2-is']), [
      secret,
    ]);
    expect((result as { facts: { logTail: string } }).facts.logTail.slice(0, 10)).toBe('***xxxxxxx');
    expect(beats.slice(1)).toMatchObject([{ lastLine: '*** is' }, { lastLine: 'it is ***' }]);
  });

  it('fails as the step did, although its log cannot be read', async () => {
    const runner = {
      ...fakeRunner(exited(3), ''),
      readLog: () => Promise.reject(new Error('gone')),
    } as unknown as Runner;
    expect((await settle(runner)).result).toMatchObject({
      code: 'step-failed',
      facts: { logTail: '(the log cannot be read: gone)' },
    });
  });
});
