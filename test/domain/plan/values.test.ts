import { describe, expect, it, test } from 'vitest';
import { planDigest, resolvePlan } from '../../../src/domain/plan/resolve-plan.ts';
import type { Plan, Step } from '../../../src/domain/plan/schema.ts';
import {
  findSecret,
  layerValues,
  misspellingIn,
  stepEnv,
  valueProblem,
  type Values,
} from '../../../src/domain/plan/values.ts';

const step = (env?: Record<string, string>, secrets?: Record<string, string>): Step => ({
  name: 'a',
  script: 'true',
  ...(env && { env }),
  ...(secrets && { secrets }),
});
const plan = (env: Values | undefined, ...steps: Step[]): Plan => ({
  target: { host: 'h' },
  ...(env && { env }),
  steps,
});

describe('the variables of a step', () => {
  test.each<[what: string, plan: Plan, layers: Values[], expected: Values]>([
    ['come from the plan', plan({ A: 'plan' }, step()), [], { A: 'plan' }],
    ['come from the step rather than the plan', plan({ A: 'plan' }, step({ A: 'step' })), [], { A: 'step' }],
    ['come from both', plan({ A: '1' }, step({ B: '2' })), [], { A: '1', B: '2' }],
    ['come from a layer rather than the plan', plan({ A: 'plan' }, step()), [{ A: 'set' }], { A: 'set' }],
    ['come from a layer rather than the step', plan({}, step({ A: 'step' })), [{ A: 'set' }], { A: 'set' }],
    [
      'come from the last layer that has them',
      plan(undefined, step()),
      [{ A: 'group', B: 'group', C: 'group' }, { A: 'host', B: 'host' }, { A: 'set' }],
      { A: 'set', B: 'host', C: 'group' },
    ],
    ['may be empty', plan({ A: 'plan' }, step()), [{ A: '' }], { A: '' }],
    ['do not hide a secret of the step', plan({ A: 'plan' }, step(undefined, { A: 'env:A' })), [], {}],
    [
      'may have the names of methods',
      plan({ toString: 'x' }, step({ valueOf: 'y' })),
      [],
      { toString: 'x', valueOf: 'y' },
    ],
  ])('%s', (_, given, layers, expected) => {
    const layered = layerValues(given, ...layers);
    expect(resolvePlan(layered).steps[0]?.env).toEqual(expected);
    expect(planDigest(layered)).toBe(planDigest({ steps: [{ ...given.steps[0]!, env: { ...expected } }] }));
  });

  it('only replace what a step has of its own', () => {
    const { env, steps } = layerValues(plan({ B: '1' }, step({ A: '1' }), step()), { A: '2', B: '3' });
    expect({ env, steps: steps.map((each) => each.env) }).toEqual({
      env: { B: '3' },
      steps: [{ A: '2' }, undefined],
    });
  });

  it('reach every step if the plan requires them', () => {
    const required = { ...plan(undefined, step({ A: '1' }), step()), required: ['A'] };
    const { env, steps } = layerValues(required, { A: '2' });
    expect({ env, steps: steps.map((each) => each.env) }).toEqual({
      env: { A: '2' },
      steps: [{ A: '2' }, undefined],
    });
  });

  it('are the same without a plan-wide env', () => {
    expect(stepEnv(step({ A: '1' }))).toEqual({ A: '1' });
  });
});

describe('layerValues', () => {
  test.each<[what: string, plan: unknown, expected: unknown]>([
    ['nothing', undefined, undefined],
    ['a text', 'x', 'x'],
    ['a list', [], []],
    ['an empty mapping', {}, { env: { A: '1' } }],
    ['env that is a text', { env: 'x' }, { env: 'x' }],
    ['env that is null', { env: null }, { env: null }],
    ['steps that are a text', { steps: 'x' }, { env: { A: '1' }, steps: 'x' }],
    ['steps of other kinds', { steps: [1, null] }, { env: { A: '1' }, steps: [1, null] }],
    ['a step whose env is a list', { steps: [{ env: [] }] }, { env: { A: '1' }, steps: [{ env: [] }] }],
  ])('leaves %s to the validation', (_, given, expected) => {
    expect(layerValues(given, { A: '1' })).toEqual(expected);
  });

  it('does not change its input', () => {
    const given = Object.freeze({ env: Object.freeze({ A: '1' }), steps: Object.freeze([]) });
    expect(layerValues(given, { A: '2' }).env).toEqual({ A: '2' });
  });

  it('returns the same plan without values', () => {
    const given = plan({ A: '1' }, step());
    expect(layerValues(given, {}, {})).toBe(given);
  });
});

describe('the digest', () => {
  const digest = planDigest(plan({ A: '1' }, step()));

  it('changes with a value of the plan', () => {
    expect(planDigest(plan({ A: '2' }, step()))).not.toBe(digest);
    expect(planDigest(plan(undefined, step()))).not.toBe(digest);
  });

  it('does not change when a value moves from the plan into its steps', () => {
    expect(planDigest(plan(undefined, step({ A: '1' })))).toBe(digest);
  });
});

test.each<[name: string, value: string, problem: string | undefined]>([
  ['A', '', undefined],
  ['A', '$(reboot)\n`x` ${Y} "\'\\', undefined],
  ['A', 'x\0y', 'must not hold a NUL byte'],
  ['A', 'x'.repeat(65_537), 'is 65537 bytes; at most 65536 are allowed'],
  ['1A', 'x', 'must be the name of an environment variable'],
  ['A B', 'x', 'must be the name of an environment variable'],
  ['A\n', 'x', 'must be the name of an environment variable'],
  ['$(x)', 'x', 'must be the name of an environment variable'],
  ['', 'x', 'must be the name of an environment variable'],
  ['__proto__', 'x', 'must not be __proto__'],
  ['CHANDLER_STEP', 'x', 'must not begin with CHANDLER_ or ZMX_: those are reserved'],
  ['UID', 'x', 'is read-only in bash'],
])('the problem of the variable %j', (name, value, problem) => {
  expect(valueProblem(name, value)).toBe(problem);
});

describe('a name that is set but not known', () => {
  const named: Plan = {
    target: { host: 'h' },
    env: { THREADS: '1' },
    required: ['SITE_NAME'],
    steps: [
      {
        name: 'a',
        script: 'echo $LISTEN',
        check: 'test $CHECKED',
        finalize: 'echo ${ENDED}',
        env: { REGION: 'x' },
      },
    ],
  };

  test.each(['THREADS', 'SITE_NAME', 'LISTEN', 'CHECKED', 'ENDED', 'REGION', 'HTTP_PROXY', 'X'])(
    '%s is known, or near none',
    (name) => {
      expect(misspellingIn(named)(name)).toBeUndefined();
    },
  );

  test.each([
    ['THREAD', 'THREADS'],
    ['threads', 'THREADS'],
    ['SITE', 'SITE_NAME'],
    ['REGOIN', 'REGION'],
  ])('%s is probably %s', (name, meant) => {
    expect(misspellingIn(named)(name)).toBe(
      `neither the plan nor a script mentions ${name}; did you mean ${meant}?`,
    );
  });
});

test.each<[what: string, plan: unknown, found: object | undefined]>([
  ['a secret', { steps: [step(), step({}, { A: 'env:B' })] }, { step: 'a', reference: 'env:B' }],
  ['a secret with another name', { steps: [step({}, { toString: 'env:B' })] }, undefined],
  ['a plan of another shape', { steps: [1, { secrets: 'A' }] }, undefined],
  ['no plan', undefined, undefined],
])('findSecret in %s', (_, given, found) => {
  expect(findSecret(given, 'A')).toEqual(found);
});
