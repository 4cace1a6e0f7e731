import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ChandlerError } from '../../src/domain/run/failure.ts';
import { makeLaunch } from '../../src/domain/run/ids.ts';
import type { Progress } from '../../src/host/launch.ts';
import { askedTools, probeHost } from '../../src/host/probe.ts';
import type { BootAnswer } from '../../src/host/boot-answer.ts';
import { loadPrograms } from '../../src/host/programs.ts';
import { startLaunch } from '../../src/host/start-launch.ts';
import { Runner } from '../../src/library/runner.ts';
import { render, sh } from '../../src/shell/index.ts';
import type { Executor } from '../../src/ssh/executor.ts';
import { collectGarbage } from '../support/collect-garbage.ts';
import { asPrinted } from '../support/frames.ts';
import {
  answering,
  failureOf,
  hostileAnswer,
  nastyText,
  lastAnswer,
  UNFIT,
  type HostileAnswer,
} from '../support/hostile.ts';

const programs = loadPrograms();
const facts = { arch: 'x86_64', os: 'test', uid: 0, bootId: 'b', stateDir: '/s', zmxDir: '/z', tools: [] };
const zmx = { path: '/bin/zmx', version: '0.7.0', source: 'existing' } as const;
const launch = makeLaunch('run', 'a', 'step', 1);
const finalizer = makeLaunch('run', 'a', 'finalizer', 1);
const runnerOver = (executor: Executor) => new Runner({ executor, programs, facts, runId: 'run', zmx });
const work = { script: 'true', env: {} };
/** Characters. Far under the engine's limits, whoever says it. */
const MAX_MESSAGE = 128 * 1024;

/** Whether a word of ours is a number as the programs write them. */
const isCount = (text: string | undefined) => text !== undefined && /^\d{1,15}$/.test(text);
const isExit0 = (words: ReadonlyMap<string, string> | undefined) =>
  words?.get('state') === 'exited' &&
  Number(words.get('code')) === 0 &&
  ['code', 'at', 'elapsed_ms', 'log_bytes'].every((key) => isCount(words.get(key)));

/** Every question: what is asked, which answer means success, and what the host's own line then says. */
const questions: Readonly<
  Record<
    string,
    (runner: Runner, stdout: Uint8Array) => [ask: Promise<unknown>, backed: (got: unknown) => boolean]
  >
> = {
  'a step is waited for': (runner, stdout) => [runner.wait('a'), () => isExit0(lastAnswer(stdout, 'state'))],
  'a launch is waited for': (runner, stdout) => [
    runner.host.wait(launch.id),
    (got) => (got as { kind: string }).kind === lastAnswer(stdout, 'state')?.get('state'),
  ],
  'a launch is started': (runner, stdout) => [
    startLaunch(runner.host, finalizer, work),
    () => lastAnswer(stdout, 'state') !== undefined,
  ],
  'a check is made': (runner, stdout) => [
    runner.host.check(launch.id, 'true', { boundS: 60 }),
    (got) => got !== 0 || /^0+$/.test(lastAnswer(stdout, 'check')?.get('code') ?? ''),
  ],
  'a launch is killed': (runner, stdout) => [
    runner.host.kill(launch.id, { graceS: 1, place: runner.host.place(launch) }),
    (got) => {
      const { found, left } = got as { found: unknown; left: unknown };
      const killed = lastAnswer(stdout, 'killed');
      const absent = lastAnswer(stdout, 'state')?.get('state') === 'absent';
      return (
        Number.isSafeInteger(found) &&
        Number.isSafeInteger(left) &&
        (absent || (isCount(killed?.get('left')) && Number(killed?.get('left')) === left))
      );
    },
  ],
  'a log is read': (runner) => [
    runner.host.log(launch.id, { start: 0, maxBytes: 100 }),
    (got) => {
      const { offset, size, bytes } = got as { offset: number; size: number; bytes: Uint8Array };
      return offset === 0 && Number.isSafeInteger(size) && size >= 0 && bytes.length <= 100;
    },
  ],
  'the lease is taken': (runner, stdout) => [
    runner.host.lease('me'),
    (got) => !(got as { ours: boolean }).ours || lastAnswer(stdout, 'lease')?.get('lease') === 'ours',
  ],
  'the lease is given back': (runner, stdout) => [
    runner.host.release('me'),
    () => lastAnswer(stdout, 'released') !== undefined,
  ],
  'the sentinel is read': (runner, stdout) => [
    runner.host.readSentinel('/p'),
    (got) => {
      const words = lastAnswer(stdout, 'sentinel');
      const content = words?.get('content') ?? '?';
      return got === undefined
        ? words?.get('sentinel') === 'absent'
        : words?.get('sentinel') === 'present' &&
            Buffer.from(content, 'base64').toString('base64') === content;
    },
  ],
  'the sentinel is looked for': (runner, stdout) => [
    runner.isProvisioned(),
    (got) => got === false || lastAnswer(stdout, 'sentinel')?.get('sentinel') === 'present',
  ],
  'old launches are pruned': (runner) => [
    runner.host.prune(1),
    (got) => Number.isSafeInteger(got) && (got as number) >= 0,
  ],
  'a program is looked for': (runner, stdout) => [
    runner.hasProvisionScript(),
    (got) => got === false || lastAnswer(stdout, 'executable')?.get('executable') === 'yes',
  ],
  'a file is waited for': (runner, stdout) => [
    runner.host.awaitBoot({ file: '/p' }, 1),
    (got) => {
      const { isOver, outcome } = got as BootAnswer;
      const answer = lastAnswer(stdout, 'appeared');
      return (
        (!isOver || answer?.get('appeared') === 'yes') && (outcome !== 'good' || answer?.get('code') === '0')
      );
    },
  ],
  'zmx is installed': (runner, stdout) => [
    runner.installZmx({ fetchArchive: () => Promise.reject(new Error('offline')) }),
    (got) => {
      const { path } = got as { path: string };
      return path.startsWith('/') && !UNFIT.test(path) && lastAnswer(stdout, 'zmx') !== undefined;
    },
  ],
};

/** Answers of progress that look like a program's last one, and then nothing. */
const CUT_SHORT = ['refused', 'refused=disk-full', 'end'].map((word): [HostileAnswer] => [
  {
    stdout: Buffer.from(`chandler: progress ${word}\nchandler: lease`),
    stderr: Buffer.of(),
    end: { code: 0 },
    ends: false,
  },
]);

describe('a host that answers anything', () => {
  it.each(Object.entries(questions))(
    'is believed only if its answer is well-formed when %s',
    async (_, ask) => {
      await fc.assert(
        fc.asyncProperty(hostileAnswer, async (answer) => {
          const [promise, backed] = ask(runnerOver(answering(answer)), answer.stdout);
          const failure = await failureOf(promise);
          if (failure) {
            expect(failure.message).not.toMatch(UNFIT);
            expect(failure.advice).not.toMatch(UNFIT);
            expect(failure.message.length).toBeLessThanOrEqual(MAX_MESSAGE);
            return;
          }
          const got = await promise;
          expect(backed(got)).toBe(true);
          if (got !== false) expect(answer.ends).toBe(true);
        }),
        { numRuns: 60, examples: CUT_SHORT },
      );
    },
  );

  it.each(['code=0 code=3', 'code=3 code=0', 'state=exited code=0'])(
    'is not believed when it reports %s',
    async (words) => {
      const stdout = Buffer.from(`chandler: state=exited ${words} at=1 elapsed_ms=1 log_bytes=0\n`);
      const over = answering({ stdout, stderr: Buffer.of(), end: { code: 0 } });
      expect(await failureOf(runnerOver(over).wait('a'))).toMatchObject({ code: 'connection-lost' });
    },
  );

  it('is bounded and believed in nothing else with 10 MB in one line, a flood of lines, or a refusal of 10 MB', async () => {
    const big = 'x'.repeat(10_000_000);
    const floods = [
      big,
      `${big}\n`.repeat(2),
      'chandler: state=exited\n'.repeat(40_000),
      `chandler: refused=disk-full text=${big}\n`,
      `chandler: lease=held holder=${big}\nchandler: lease=held holder=\u001b[2J\n`,
      `chandler: ${'a=1 '.repeat(50_000)}\n`,
    ].map((text) => Buffer.from(text));
    const end = { code: 0 };
    for (const stdout of floods) {
      for (const ask of Object.values(questions).slice(0, 3)) {
        const [promise, backed] = ask(runnerOver(answering({ stdout, stderr: stdout, end })), stdout);
        const failure = await failureOf(promise);
        if (!failure) expect(backed(await promise)).toBe(true);
        else expect(failure.message.length).toBeLessThanOrEqual(MAX_MESSAGE);
      }
      const refused = await failureOf(
        runnerOver(answering({ stdout: floods[0]!, stderr: stdout, end: { code: 1 } })).wait('a'),
      );
      expect(refused?.message.length).toBeLessThanOrEqual(MAX_MESSAGE);
    }
  });

  it('fills no memory with the endless answers of a wait', async () => {
    const heldBytes = () => {
      collectGarbage();
      return process.memoryUsage().heapUsed;
    };
    let [lines, most] = [0, 0];
    const executor: Executor = {
      async exec(command, options) {
        const text = 'x'.repeat(60_000);
        for (; lines < 5000; lines += 1) {
          const printed = `chandler: n=${lines} text=${text}${lines}`;
          options?.onOutput?.(asPrinted(command, printed, { ends: lines === 4999 }));
          if (lines % 1000 === 999) most = Math.max(most, heldBytes());
        }
        return { kind: 'exited', code: 0, stdout: '', stderr: '' };
      },
    };
    const before = heldBytes();
    expect(await failureOf(runnerOver(executor).host.wait(launch.id))).toMatchObject({
      code: 'connection-lost',
    });
    expect(lines).toBe(5000);
    expect(most - before).toBeLessThan(100_000_000);
  });

  it('reports progress in whole numbers and short lines only', async () => {
    await fc.assert(
      fc.asyncProperty(hostileAnswer, async (answer) => {
        const seen: Progress[] = [];
        const onProgress = (progress: Progress) => void seen.push(progress);
        await failureOf(runnerOver(answering(answer)).host.wait(launch.id, { onProgress }));
        for (const { logBytes } of seen) expect(Number.isSafeInteger(logBytes) && logBytes >= 0).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  it('puts no unsafe text into the status of a runner', async () => {
    const row = fc.tuple(nastyText, nastyText).map(([name, rest]) => `  name=${name}\tpid=1\t${rest}`);
    await fc.assert(
      fc.asyncProperty(fc.array(row, { maxLength: 4 }), async (rows) => {
        const said: string[] = [];
        const stop = new AbortController();
        const executor: Executor = {
          async exec(command, options) {
            const asked = render(command);
            const text = asked.includes('sentinel-read')
              ? 'chandler: sentinel=absent'
              : asked.includes('executable')
                ? 'chandler: executable=yes'
                : `${rows.join('\n')}\n  name=${'x'.repeat(500_000)}\tpid=1`;
            const stdout = asPrinted(command, text);
            options?.onOutput?.(stdout);
            return { kind: 'exited', code: 0, stdout: stdout.toString(), stderr: '' };
          },
        };
        const setStatus = (status: string) => {
          said.push(status);
          stop.abort(new ChandlerError('aborted', 'enough'));
        };
        await failureOf(runnerOver(executor).waitProvisioned(setStatus, { signal: stop.signal }));
        expect(said).toHaveLength(1);
        expect(said[0]).not.toMatch(UNFIT);
        expect(said[0]).not.toContain('\n');
        expect(said[0]!.length).toBeLessThanOrEqual(4000);
      }),
      { numRuns: 30 },
    );
  });
});

describe('a probe', () => {
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  const path = fc.oneof(
    { weight: 4, arbitrary: fc.constant('/s') },
    fc.constantFrom('', 's', '/\0', '/a\nb', `/${'x'.repeat(100_000)}`),
    nastyText,
  );
  const count = fc.constantFrom('0', '0', '1000', '1000', '', '-1', 'NaN', '1e999');
  const answer = fc
    .record({
      state: path,
      zmxDir: path,
      zmx: fc.option(fc.tuple(path, nastyText)),
      os: nastyText,
      arch: fc.string({ unit: 'binary', maxLength: 8 }).map((text) => text.replaceAll(/[\n ]/g, '')),
      uid: count,
      more: fc.array(fc.string({ unit: 'binary', maxLength: 8 }), { maxLength: 5 }),
    })
    .map(({ state, zmxDir, zmx: found, os, arch, uid, more }) =>
      [
        ...more,
        `chandler: tools=,${askedTools.needed.replaceAll(' ', ',')},${more.join(',')}`,
        `chandler: arch=${arch}`,
        `chandler: uid=${uid}`,
        'chandler: boot=b',
        `chandler: state_dir=${base64(state)}`,
        `chandler: zmx_dir=${base64(zmxDir)}`,
        `chandler: os=${base64(os)}`,
        'chandler: writable=yes',
        ...(found ? [`chandler: zmx=${base64(found[0])} zmx_version=${base64(found[1])}`] : []),
      ].join('\n'),
    );

  it('believes only what can be a path, a number and a short text', async () => {
    let good = 0;
    await fc.assert(
      fc.asyncProperty(answer, async (stdout) => {
        const probe = probeHost(
          answering({ stdout: Buffer.from(stdout), stderr: Buffer.of(), end: { code: 0 } }),
          programs,
        );
        const failure = await failureOf(probe);
        if (failure) {
          expect(failure.message).not.toMatch(UNFIT);
          return;
        }
        good += 1;
        const { facts: found } = await probe;
        expect(JSON.stringify(found).length).toBeLessThan(20_000);
        expect(Number.isSafeInteger(found.uid)).toBe(true);
        for (const place of [found.stateDir, found.zmxDir, ...(found.zmx ? [found.zmx.path] : [])]) {
          expect(place).toMatch(/^\/[^\p{Cc}\u2028\u2029]*$/u);
          expect(() => render(sh('sh', place))).not.toThrow();
        }
        for (const text of [found.os, found.arch, found.bootId, ...found.tools])
          expect(text).not.toMatch(UNFIT);
      }),
      { numRuns: 200 },
    );
    expect(good).toBeGreaterThan(0);
  });

  it('fails with our message whatever else is printed', async () => {
    await fc.assert(
      fc.asyncProperty(hostileAnswer, async (said) => {
        const failure = await failureOf(probeHost(answering(said), programs));
        expect(failure).toBeInstanceOf(ChandlerError);
        expect(failure?.message).not.toMatch(UNFIT);
      }),
      { numRuns: 200 },
    );
  });
});
