import { describe, expect, it } from 'vitest';
import { resolvePlan } from '../../../src/domain/plan/resolve-plan.ts';
import { makeLaunch } from '../../../src/domain/run/ids.ts';
import { makeParts, type Part } from '../../../src/domain/run/part.ts';
import type { StepStatus } from '../../../src/domain/run/status.ts';

const plan = resolvePlan({
  name: 'p',
  target: { host: 'h' },
  steps: [
    { name: 'a', script: 'true', finalize: 'fin', env: { A: 'plan', B: 'plan' }, timeout: '10s' },
    { name: 'b', script: 'true' },
  ],
});

function makeAll(): { readonly parts: Part[]; readonly steps: StepStatus[] } {
  const steps: StepStatus[] = [
    { name: 'a', state: 'pending', attempt: 0, finalizer: { state: 'pending', attempt: 0 } },
    { name: 'b', state: 'pending', attempt: 0 },
  ];
  return { parts: makeParts(plan.steps, steps), steps };
}

function makeA(): { readonly a: Part; readonly finalizer: Part } {
  const [a, finalizer] = makeAll().parts;
  return { a: a!, finalizer: finalizer! };
}

describe('the parts of a plan', () => {
  it('are its steps, each followed by its finalizer, and share the status of the run', () => {
    const { parts, steps } = makeAll();
    expect(parts.map(({ name, kind }) => [name, kind])).toEqual([
      ['a', 'step'],
      ['a', 'finalizer'],
      ['b', 'step'],
    ]);
    expect(parts[1]!.status).toBe(steps[0]!.finalizer);
    expect(parts[2]!.status).toBe(steps[1]);
  });
});

describe('an attempt of a part', () => {
  it('is counted, shows its session, and forgets the outcome of the one before', () => {
    const { a } = makeA();
    a.begin('owner', 5);
    a.end('parked', 7, { code: 'step-failed', message: 'm', advice: 'a', exitCode: 3 });
    expect(a.status).toMatchObject({ state: 'parked', exitCode: 3, endedAtMs: 7 });
    a.decide({ kind: 'skip' });
    a.begin('owner', 9);
    expect(a.status).toEqual({
      name: 'a',
      state: 'running',
      attempt: 2,
      startedAtMs: 9,
      session: 'a.2',
      finalizer: { state: 'pending', attempt: 0 },
    });
    expect(a).toMatchObject({ attempts: 2, decision: undefined });
    expect(a.launchOf('owner')).toEqual(makeLaunch('owner', 'a', 'step', 2));
  });

  it('has one record for its launch, which a repeated start replaces', () => {
    const { a } = makeA();
    a.begin('owner', 5);
    const launch = a.launchOf('owner');
    expect(a.findLaunch(launch)).toBeUndefined();
    a.track(launch, 'open').isEnding = true;
    a.track(launch, 'open');
    expect(a.launches).toEqual([{ launch, state: 'open' }]);
  });

  it('has the script and the environment that operators sent for this part', () => {
    const { a, finalizer } = makeA();
    a.override({ env: { A: 'one' } });
    a.override({ script: 'other', env: { C: 'two' } });
    finalizer.override({ script: 'other fin' });
    expect(a.currentStep).toMatchObject({
      script: 'other',
      finalize: 'fin',
      env: { A: 'one', B: 'plan', C: 'two' },
    });
    expect(finalizer.currentStep).toMatchObject({ script: 'true', finalize: 'other fin' });
  });

  it('has the time that operators added to the step, also as a finalizer', () => {
    const { a, finalizer } = makeA();
    a.extend(1000);
    a.extend(500);
    expect([a.timeoutMs, finalizer.timeoutMs]).toEqual([11_500, 11_500]);
  });
});

describe('a reset', () => {
  it('puts a part that is over back to pending at once, with what a retry sent', () => {
    const { a } = makeA();
    a.begin('owner', 5);
    a.end('failed', 7);
    a.decide({ kind: 'retry', force: true, env: { A: 'new' } });
    a.reset();
    expect(a).toMatchObject({ isResetting: false, attempts: 0, decision: undefined });
    expect(a.status).toMatchObject({ state: 'pending', attempt: 1 });
    expect(a.currentStep.env).toMatchObject({ A: 'new' });
  });

  it('interrupts a part that runs, which is pending only once its launch has ended', () => {
    const { a } = makeA();
    a.begin('owner', 5);
    let interrupts = 0;
    a.interrupt = () => (interrupts += 1);
    a.reset();
    expect(a).toMatchObject({ isResetting: true, status: { state: 'running' } });
    expect(interrupts).toBe(1);
    a.makePending();
    expect(a).toMatchObject({ isResetting: false, status: { state: 'pending' } });
  });
});

it('a snapshot as JSON restores everything but the interrupt', () => {
  const { a } = makeA();
  a.begin('owner', 5);
  a.track(a.launchOf('owner'), 'ended').sinceMs = 6;
  a.override({ script: 'other' });
  a.decide({ kind: 'retry', force: true });
  a.reset();
  const restored = makeA().a;
  restored.restore(JSON.parse(JSON.stringify(a.snapshot)));
  expect(restored.snapshot).toEqual(a.snapshot);
});

it('a run that ends closes parts that run as killed, and parked ones as failed', () => {
  const { a, finalizer } = makeA();
  a.begin('owner', 5);
  a.status.waitingFor = 'the login shell';
  finalizer.status.state = 'parked';
  for (const part of [a, finalizer]) part.close(9);
  expect(a.status).toMatchObject({ state: 'killed', endedAtMs: 9 });
  expect(a.status).not.toHaveProperty('waitingFor');
  expect(finalizer.status.state).toBe('failed');
});
