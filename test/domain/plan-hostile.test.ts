import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { boundedProblems } from '../../src/domain/plan/problems.ts';
import { makeLaunch, sessionName } from '../../src/domain/run/ids.ts';
import { planDigest, resolvePlan } from '../../src/domain/plan/resolve-plan.ts';
import { formatProblems } from '../../src/domain/plan/problems.ts';
import { limits } from '../../src/domain/plan/limits.ts';
import { validatePlan } from '../../src/domain/plan/validate.ts';
import { renderCheck, renderLaunchBody, renderSecrets } from '../../src/host/launch-body.ts';
import { attachHint } from '../../src/zmx/index.ts';
import { nastyText } from '../support/hostile.ts';
import { problemsOfInput } from '../support/schemas.ts';

const step = (more: object = {}) => ({ name: 'a', script: 'true', ...more });
const plan = (...steps: object[]) => ({ target: { host: 'web1' }, steps });
const whole = {
  name: 'demo',
  target: { host: 'web1', port: 22, user: 'root', jump: [{ host: 'j' }], connectTimeout: '5m' },
  steps: [
    { ...step(), finalize: 'x', check: 'y', env: { A: 'b' }, secrets: { S: 'env:X' }, timeout: '1h' },
    { name: 'b', script: 'z', needs: ['a'], retry: { attempts: 2, backoff: 5 } },
  ],
  zmx: { source: 'tmux' },
  bootstrap: { marker: '/m', timeout: '1m' },
  sentinel: { path: '/p', whenPresent: 'skip' },
};
const KEYS = ['__proto__', 'constructor', 'toString', 'length', 'name', 'env', 'steps', 'then', '', '0'];
const junk = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    -1,
    0,
    1e308,
    2.5,
    '',
    'a',
    'a.2',
    '-',
    '\0',
    '\ud800',
    '1h',
    '/x',
    [],
    {},
  ),
  fc.constantFrom<unknown>('x'.repeat(5000), ['a'], ['a', 'a'], [[]], JSON.parse('{"__proto__":{"a":1}}')),
  nastyText,
  fc.jsonValue({ maxDepth: 2 }),
);
/** Changes one place of a value, wherever it is, as JSON can hold it. */
function mutate(value: unknown, places: readonly number[], key: string, change: unknown): unknown {
  const [place = 0, ...rest] = places;
  if (typeof value !== 'object' || value === null || places.length === 0) return change;
  const entries = Object.entries(value);
  const at = place % (entries.length + 1);
  const changed =
    at < entries.length
      ? entries.map(([name, held], i): [string, unknown] => [
          name,
          i === at ? mutate(held, rest, key, change) : held,
        ])
      : [...entries, [key, change] as [string, unknown]];
  return Array.isArray(value) ? changed.map(([, held]) => held) : Object.fromEntries(changed);
}
const mutation = fc.tuple(fc.array(fc.nat(20), { maxLength: 4 }), fc.constantFrom(...KEYS), junk);

describe('a mutated plan', () => {
  it('is refused with bounded messages, or fits the published schema and can be resolved, rendered and sent', () => {
    let accepted = 0;
    fc.assert(
      fc.property(fc.array(mutation, { minLength: 1, maxLength: 2 }), (mutations) => {
        const input = mutations.reduce<unknown>((value, change) => mutate(value, ...change), whole);
        const { plan: valid, problems } = validatePlan(input);
        if (!valid) {
          expect(problems?.length).toBeGreaterThan(0);
          expect(formatProblems(boundedProblems(problems)).length).toBeLessThan(220_000);
          return;
        }
        accepted += 1;
        expect(problemsOfInput('plan', input)).toEqual([]);
        const resolved = resolvePlan(valid);
        expect(planDigest(valid)).toMatch(/^[0-9a-f]{64}$/);
        expect(planDigest(JSON.parse(JSON.stringify(valid)) as typeof valid)).toBe(planDigest(valid));
        expect(resolvePlan(JSON.parse(JSON.stringify(valid)) as typeof valid)).toEqual(resolved);
        for (const each of resolved.steps) {
          const launch = makeLaunch('run', each.name, 'step', 2);
          expect(launch.id).toMatch(/^[0-9a-f]{20}$/);
          // One word of every shell, one name of a file, one cell of a table.
          expect(sessionName(launch)).toMatch(/^[A-Za-z0-9_][A-Za-z0-9_.-]*\.2$/);
          expect(attachHint({ zmxPath: '/z', zmxDir: '/d', session: each.name })).toMatch(/ [\w.-]+$/);
          const body = renderLaunchBody(launch, { script: each.script, env: each.env });
          expect(body.env).not.toContain('\0');
          renderCheck(each.check ?? '', each.env);
          renderSecrets(each.secrets);
          expect([each.timeoutMs, each.retry.backoffMs, each.retry.attempts].every((n) => n >= 1)).toBe(true);
        }
      }),
      { numRuns: 600 },
    );
    expect(accepted).toBeGreaterThan(3);
  });

  it.each(['env', 'secrets'])('hides nothing in %s under the key __proto__', (place) => {
    const hidden: unknown = JSON.parse(`{"${place}":{"__proto__":{"length":1}}}`);
    expect(validatePlan(plan(step(hidden as object))).problems).toEqual([
      { path: '', message: 'the plan must not hold the key __proto__' },
    ]);
  });
});

describe('the limits of a plan', () => {
  const accepts = (input: unknown) => validatePlan(input).problems === undefined;
  const ofSize = (bytes: number) => {
    const filled = (length: number) =>
      plan(
        ...Array.from({ length: 5 }, (_, i) => ({
          name: `s${i}`,
          script: 'x'.repeat(i < 4 ? 200_000 : length),
        })),
      );
    return filled(bytes - JSON.stringify(filled(0)).length);
  };

  it.each([
    ['bytes of a script', (n: number) => plan(step({ script: 'x'.repeat(n) })), limits.scriptBytes],
    ['bytes of a variable', (n: number) => plan(step({ env: { A: 'x'.repeat(n) } })), 64 * 1024],
    ['bytes of a plan', ofSize, limits.planBytes],
    [
      'steps',
      (n: number) => plan(...Array.from({ length: n }, (_, i) => step({ name: `s${i}` }))),
      limits.steps,
    ],
    ['characters of a name', (n: number) => plan(step({ name: 'x'.repeat(n) })), limits.stepNameLength],
    ['characters of a host', (n: number) => ({ ...plan(step()), target: { host: 'x'.repeat(n) } }), 253],
    [
      'characters of a user',
      (n: number) => ({ ...plan(step()), target: { host: 'x', user: 'x'.repeat(n) } }),
      64,
    ],
    ["characters of a plan's name", (n: number) => ({ ...plan(step()), name: 'x'.repeat(n) }), 200],
    ['tries', (n: number) => plan(step({ retry: { attempts: n } })), 100],
  ])('allow the maximum of %s, and not one more', (_, make, limit) => {
    expect(accepts(make(limit))).toBe(true);
    expect(accepts(make(limit + 1))).toBe(false);
    expect(validatePlan(make(limit + 1)).problems?.[0]?.message).toMatch(/at most|must hold/);
  });
});
