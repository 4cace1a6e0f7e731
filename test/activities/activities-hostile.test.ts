import { ApplicationFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { boundedProblems } from '../../src/domain/plan/problems.ts';
import { createActivities } from '../../src/activities/create-activities.ts';
import { takeLease } from '../../src/activities/take-lease.ts';
import { decodeHolder, encodeHolder } from '../../src/activities/lease-holder.ts';
import type { Activities } from '../../src/activities/activity-types.ts';
import { WaitSlots } from '../../src/activities/wait-slots.ts';
import { makeLaunch } from '../../src/domain/run/ids.ts';
import { waitPace } from '../../src/domain/run/wait-pace.ts';
import type { ResolvedStep } from '../../src/domain/plan/resolve-plan.ts';
import type { Host } from '../../src/host/host.ts';
import { loadPrograms } from '../../src/host/programs.ts';
import type { ResolvedTarget } from '../../src/ssh/index.ts';
import {
  answering,
  failureOf,
  hostileAnswer,
  lastAnswer,
  UNFIT,
  type HostileAnswer,
} from '../support/hostile.ts';

const facts = {
  arch: 'x86_64',
  os: 'test',
  uid: 0,
  bootId: 'b',
  stateDir: '/s',
  zmxDir: '/z',
  tools: ['tmux'],
};
const host = {
  target: { host: 'web1' },
  facts,
  zmx: { path: '/zmx', version: '0.7.0', source: 'tmux' } as const,
};
const holder = { namespace: 'n', workflowId: 'w', firstRunId: 'r' };
const launch = makeLaunch('run', 'a', 'step', 1);
const { pace } = waitPace(0);
const step: ResolvedStep = {
  name: 'a',
  script: 'true',
  check: 'true',
  needs: [],
  timeoutMs: 1,
  retry: { attempts: 1, backoffMs: 1 },
  env: {},
  secrets: {},
  always: false,
};
const record = { place: 'p/step.a', digest: 'd', needs: [], former: '-' };
/** Bytes as JSON. Everything that one activity answers, fails or beats with; 128 parts of it fit into 2 MB. */
const MAX_FAILURE_BYTES = 15_000;
const MAX_RESULT_BYTES = 400_000;

const activitiesOver = (answer: HostileAnswer) =>
  createActivities({
    programs: loadPrograms(),
    executorFor: () => answering(answer),
    resolveTarget: async () => ({}) as ResolvedTarget,
    resolveSecrets: async () => ({}),
    readFile: async () => new Uint8Array(),
    zmx: { fetchArchive: () => Promise.reject(new Error('offline')) },
    knownSearchAttributes: async () => [],
    notifySettings: undefined,
    notify: async () => undefined,
    namespaceId: async () => 'id',
    waits: new WaitSlots({ waits: 10, shortActivities: 10 }),
    inspectSelf: async () => ({ identity: 'w', version: '1', findings: [] }),
    isOpen: async () => true,
    surveyRun: async (workflowId) => ({ workflowId, state: 'none' }),
    signalRun: async () => undefined,
  });

/** Every activity that asks a host, and the word without which it may not succeed. */
const asking: Readonly<
  Record<string, readonly [ask: (activities: Activities) => Promise<unknown>, key: string]>
> = {
  inspectHost: [(a) => a.inspectHost({ target: host.target, marker: '/m' }), 'subject'],
  checkStep: [(a) => a.checkStep({ target: host.target, stateDir: '/s', step, id: launch.id }), 'check'],
  prepareHost: [
    (a) =>
      a.prepareHost({
        target: host.target,
        sentinelPath: '/p',
        holder,
        digest: 'd',
        plan: 'p',
        onLeftovers: 'refuse',
        pruneAfterDays: 1,
      }),
    'writable',
  ],
  awaitBootstrap: [(a) => a.awaitBootstrap({ host, event: { file: '/m' }, timeoutMs: 1 }), 'appeared'],
  installZmx: [(a) => a.installZmx({ host, zmx: {} }), 'zmx'],
  runStep: [(a) => a.runStep({ host, step, launch, record }), 'state'],
  inspectLaunch: [(a) => a.inspectLaunch({ host, launch }), 'state'],
  waitStep: [(a) => a.waitStep({ host, launch, secrets: {}, pace }), 'state'],
  finalizeStep: [
    (a) => a.finalizeStep({ host, step: { ...step, finalize: 'x' }, launch, record, pace }),
    'state',
  ],
  verifySentinel: [
    (a) => a.verifySentinel({ host, path: '/p', content: 'done', close: [], keep: 'failed' }),
    'sentinel',
  ],
  killStep: [(a) => a.killStep({ host, launch, graceS: 1 }), 'state'],
  readLog: [(a) => a.readLog({ host, launch, offset: 0, maxBytes: 1000, followS: 0, secrets: {} }), 'log'],
  probeHost: [(a) => a.probeHost({ target: host.target }), 'writable'],
  surveyLaunches: [
    (a) => a.surveyLaunches({ host, owner: 'o', parts: [{ step: 'a', kind: 'step' }] }),
    'launch',
  ],
  followScript: [(a) => a.followScript({ host, parts: [], seen: '' }), 'seen'],
  readScriptPlan: [(a) => a.readScriptPlan({ host }), 'plan'],
  stopScript: [(a) => a.stopScript({ host }), 'ended'],
  cleanHost: [(a) => a.cleanHost({ target: host.target, holder }), 'subject'],
  releaseHost: [(a) => a.releaseHost({ host, lease: 'l', close: [], keep: 'failed' }), 'released'],
};
const size = (value: unknown) => Buffer.byteLength(JSON.stringify(value) ?? '');

async function attempt(answer: HostileAnswer, ask: (activities: Activities) => Promise<unknown>) {
  const env = new MockActivityEnvironment(undefined, { logger: new DefaultLogger('ERROR') });
  const beats: unknown[] = [];
  env.on('heartbeat', (details: unknown) => beats.push(details));
  const outcome: unknown = await env
    .run(() => ask(activitiesOver(answer)))
    .then(
      (result) => ({ result }),
      (error: unknown) => error,
    );
  return { outcome, beats };
}

describe('an activity on a host that answers anything', () => {
  it.each(Object.entries(asking))(
    '%s fails with a bounded, plain message of Chandler, or got a valid answer',
    async (name, [ask, key]) => {
      await fc.assert(
        fc.asyncProperty(hostileAnswer, async (answer) => {
          const { outcome, beats } = await attempt(answer, ask);
          for (const beat of beats) {
            expect(size(beat)).toBeLessThan(2000);
            for (const text of Object.values(beat as object)) expect(String(text)).not.toMatch(/\p{Cc}/u);
          }
          if (!(outcome instanceof ApplicationFailure)) {
            expect(outcome).toHaveProperty('result');
            expect(lastAnswer(answer.stdout, key)).toBeDefined();
            expect(size(outcome)).toBeLessThan(MAX_RESULT_BYTES);
            if (name === 'waitStep') expect(lastAnswer(answer.stdout, 'state')?.get('code')).toMatch(/^0+$/);
            return;
          }
          expect(size([outcome.message, outcome.details])).toBeLessThan(2 * MAX_FAILURE_BYTES);
          const [details] = outcome.details as { message: string; advice: string; logTail?: string }[];
          for (const text of [outcome.message, details!.message, details!.advice, details!.logTail ?? '']) {
            expect(text).not.toMatch(UNFIT);
            expect(text.isWellFormed()).toBe(true);
          }
        }),
        { numRuns: 40 },
      );
    },
  );

  it('fails with no more than its share of a status, whatever fills message and log', async () => {
    const exited = 'chandler: state=exited code=3 at=1 elapsed_ms=1 log_bytes=9999';
    for (const fill of [
      Buffer.alloc(9000, 0xff),
      Buffer.from('"'.repeat(9000)),
      Buffer.from('🐎\n'.repeat(2000)),
    ]) {
      const stdout = Buffer.from(
        `${exited}\nchandler: log size=9999 offset=0 body=${fill.toString('base64')}`,
      );
      const end = { code: 0 };
      const { outcome } = await attempt({ stdout, stderr: stdout, end }, asking['waitStep']![0]);
      const [details] = (outcome as ApplicationFailure).details as { logTail: string }[];
      expect(details!.logTail.length).toBeGreaterThan(1000);
      // Half a character at its beginning may be told as three.
      expect(Buffer.byteLength(details!.logTail)).toBeLessThanOrEqual(4096 + 9);
      expect(size(details)).toBeLessThan(MAX_FAILURE_BYTES);
      const refusal = Buffer.from(`chandler: refused=disk-full text=${fill.toString('base64')}`);
      const refused = await attempt(
        { stdout: refusal, stderr: fill, end: { code: 70 } },
        asking['waitStep']![0],
      );
      expect((refused.outcome as ApplicationFailure).type).toBe('disk-full');
      expect(size((refused.outcome as ApplicationFailure).details)).toBeLessThan(MAX_FAILURE_BYTES);
    }
  });
});

it.each([
  ['itself', { found: 0, left: 0, exitCode: 143 }],
  ['kill', { found: 0, left: 0 }],
])('killStep takes a code for the step’s own only if it ended by %s', async (by, result) => {
  const lines = `chandler: killed found=0 left=0\nchandler: state=exited code=143 at=1 elapsed_ms=1 by=${by} log_bytes=0\n`;
  const answer = { stdout: Buffer.from(lines), stderr: Buffer.alloc(0), end: { code: 0 } };
  expect((await attempt(answer, asking['killStep']![0])).outcome).toEqual({ result });
});

describe('an arbitrary lease on a host', () => {
  it('has no holder or one of three texts, and its refusal contains one command to copy', async () => {
    const words = fc.oneof(
      fc.jsonValue().map((value) => Buffer.from(JSON.stringify(value)).toString('base64url')),
      fc
        .record({
          namespace: fc.jsonValue(),
          workflowId: fc.string({ unit: 'binary' }),
          firstRunId: fc.jsonValue(),
        })
        .map((value) => Buffer.from(JSON.stringify(value)).toString('base64url')),
      fc
        .string({ unit: 'binary' })
        .map((id) => encodeHolder({ namespace: 'n', workflowId: `${id}; rm -rf ~`, firstRunId: 'r' })),
      fc.string({ unit: 'binary' }),
    );
    await fc.assert(
      fc.asyncProperty(words, async (word) => {
        const found = decodeHolder(word);
        for (const part of Object.values(found ?? {})) expect(typeof part).toBe('string');
        const held = {
          stateDir: '/s',
          lease: async () => ({ ours: false, holder: word }),
          readScript: async () => undefined,
        } as unknown as Host;
        const failure = await failureOf(
          takeLease(
            held,
            {
              holder: { ...holder, digest: 'd' },
              target: host.target,
              sentinelPath: '/p',
              onLeftovers: 'refuse',
              isReset: false,
              isOpen: async () => true,
              listLeftovers: async () => [],
            },
            { ours: false, holder: word },
          ),
        );
        expect(failure?.code).toBe('lease-held');
        expect(failure?.message).not.toMatch(UNFIT);
        expect(failure?.advice).not.toMatch(UNFIT);
        if (found?.workflowId.endsWith('; rm -rf ~')) expect(failure?.advice).toContain("; rm -rf ~'");
      }),
      { numRuns: 200 },
    );
  });
});

describe('problems of a plan', () => {
  const problems = (n: number) => Array.from({ length: n }, () => ({ path: 'p', message: 'm' }));

  it.each([
    [200, 200],
    [201, 201],
    [5000, 201],
  ])('%i of them are listed as %i, with a count of the rest', (given, told) => {
    expect(boundedProblems(problems(given))).toHaveLength(told);
  });

  it('are cut after 500 characters each', () => {
    const cut = (n: number) => boundedProblems([{ path: 'x'.repeat(n), message: '' }])[0]?.path;
    expect(cut(500)).toBe('x'.repeat(500));
    expect(cut(501)).toBe(`${'x'.repeat(499)}…`);
  });
});
