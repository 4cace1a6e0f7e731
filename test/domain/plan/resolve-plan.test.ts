import { describe, expect, it, test } from 'vitest';
import { planDigest, resolvePlan } from '../../../src/domain/plan/resolve-plan.ts';
import type { Plan, Step } from '../../../src/domain/plan/schema.ts';

const step: Step = { name: 'a', script: 'true' };
const plan: Plan = { target: { host: 'web1' }, steps: [step] };

describe('a plan without options', () => {
  it('gets every default', () => {
    expect(resolvePlan({ ...plan, bootstrap: { marker: '/ready' } })).toEqual({
      name: 'a',
      target: { host: 'web1' },
      steps: [
        {
          name: 'a',
          script: 'true',
          needs: [],
          timeoutMs: 3_600_000,
          retry: { attempts: 1, backoffMs: 1000 },
          env: {},
          secrets: {},
          always: false,
        },
      ],
      zmx: {},
      bootstrap: { marker: '/ready', cloudInit: false, packages: false, timeoutMs: 900_000 },
      sentinel: { whenPresent: 'skip-if-same-plan' },
      onStepFailure: 'park',
      onLeftovers: 'refuse',
      parkTimeoutMs: 86_400_000,
      connectTimeoutMs: 300_000,
      keepSessions: 'failed',
      pruneAfterDays: 30,
      records: 'unnamed',
      run: { forced: [] },
    });
  });

  it('waits for a marker only if it names one', () => {
    expect(resolvePlan(plan)).not.toHaveProperty('bootstrap');
  });
});

describe('the digest', () => {
  const rich: Step = {
    name: 'b',
    script: 'x',
    finalize: 'y',
    check: 'z',
    needs: ['a', 'c'],
    env: { A: '1', B: '2' },
    secrets: { C: 'env:C', D: 'file:d' },
  };
  const others: Step[] = [step, { name: 'c', script: 'true' }];
  const digestOf = (changes: Partial<Step>) => planDigest({ steps: [...others, { ...rich, ...changes }] });
  const digest = digestOf({});

  it('is a sha256 that other programs can compute', () => {
    expect(planDigest({ steps: [{ name: 'a', script: 'true' }] })).toBe(
      'b9e513fa6529615144a35e62f24179c222b131e4a76dc1cbb16516798561af9b',
    );
  });

  test.each<[string, Partial<Step>]>([
    ['the order of needs', { needs: ['c', 'a'] }],
    ['the order of variables', { env: { B: '2', A: '1' }, secrets: { D: 'file:d', C: 'env:C' } }],
    ['timeout and retries', { timeout: '1s', retry: { attempts: 3 } }],
  ])('does not change with %s', (_, changes) => {
    expect(digestOf(changes)).toBe(digest);
  });

  it('does not change with the target, the name or what a failure does', () => {
    const elsewhere: Plan = {
      target: { host: 'db1', port: 2222 },
      steps: [...others, rich],
      onStepFailure: 'fail',
      name: 'x',
    };
    expect(planDigest(elsewhere)).toBe(digest);
  });

  test.each<[string, Partial<Step>]>([
    ['the name', { name: 'bb' }],
    ['the script', { script: 'x ' }],
    ['the finalizer', { finalize: 'yy' }],
    ['the check', { check: 'zz' }],
    ['the needs', { needs: ['a'] }],
    ['a value', { env: { A: '1', B: '3' } }],
    ['a variable', { env: { A: '1', BB: '2' } }],
    ['a reference', { secrets: { C: 'env:C', D: 'file:e' } }],
  ])('changes with %s', (_, changes) => {
    expect(digestOf(changes)).not.toBe(digest);
  });

  it('changes with the order of steps', () => {
    expect(planDigest({ steps: [rich, ...others] })).not.toBe(digest);
  });
});
