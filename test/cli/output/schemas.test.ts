import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { inputs } from '../../../fuzz/valid-inputs.ts';
import { validateFleet } from '../../../src/domain/fleet/validate-fleet.ts';
import type { FleetInput } from '../../../src/domain/fleet/schema.ts';
import { actionNames, exampleInput } from '../../../src/domain/run/actions.ts';
import { listChanges } from '../../../src/cli/output/changes.ts';
import { phases } from '../../domain/markdown-phases.ts';
import { problemsOf, problemsOfInput } from '../../support/schemas.ts';
import { makeStatus } from '../make-status.ts';

test('every shape names the command that prints it', () => {
  const published = readFileSync(new URL('../../../schema/output.schema.json', import.meta.url), 'utf8');
  const { $defs } = JSON.parse(published) as { $defs: Record<string, { description?: string }> };
  // Types that shapes share have capital letters.
  const shapes = Object.entries($defs).filter(([name]) => /^[a-z]/.test(name));
  expect(shapes.length).toBeGreaterThan(10);
  for (const [, { description }] of shapes) expect(description).toMatch(/`|--json/);
});

test('a status and its changes fit', () => {
  const status = makeStatus({
    fleet: 'web',
    labels: { rack: '7' },
    refusedActions: 1,
    auditTrail: [
      {
        action: 'retryStep',
        step: 'network',
        by: 'me@here',
        atMs: 5,
        script: true,
        env: ['A'],
        reset: ['site'],
      },
      { action: 'extendTimeout', step: 'network', atMs: 6, extendedByMs: 600_000, reason: 'slow' },
      { action: 'retrystep', step: 'network', atMs: 7, refused: 'unknown signal' },
    ],
  });
  expect(problemsOf('run', JSON.stringify({ id: 'x', runId: 'r', ...status }))).toEqual([]);
  for (const change of listChanges(undefined, status, 0)) {
    expect({ change, problems: problemsOf('change', JSON.stringify(change)) }).toEqual({
      change,
      problems: [],
    });
  }
});

test.each(Object.entries(phases))('the status of a run fits in every state: %s', (_name, status) => {
  const trouble = {
    code: 'host-unreachable',
    message: 'm',
    advice: 'a',
    sinceMs: 1,
    retryAtMs: 2,
  } as const;
  const failure = { code: 'step-failed', message: 'm', advice: 'a', exitCode: 3, logTail: 'x' } as const;
  const [step] = status.steps;
  const held = { ...status, trouble, notes: ['continues a'], failure, attach: 'zmx attach NAME' };
  const steps = step
    ? [{ ...step, trouble, notes: ['terminal lost'], waitingFor: 'the login shell (45 s)', extendedByMs: 5 }]
    : [];
  for (const each of [status, held, { ...held, steps }]) {
    expect(problemsOf('run', JSON.stringify({ id: 'x', runId: 'r', ...each }))).toEqual([]);
    for (const change of listChanges(undefined, each, 0))
      expect({ change, problems: problemsOf('change', JSON.stringify(change)) }).toMatchObject({
        problems: [],
      });
  }
});

test.each(actionNames)('the example of %s fits, and a wrong key does not', (name) => {
  const example = JSON.parse(exampleInput(name)) as object;
  expect(problemsOf(name, JSON.stringify(example), 'run')).toEqual([]);
  expect(problemsOf(name, JSON.stringify({ ...example, reson: 'x' }), 'run')).not.toEqual([]);
});

test('a value of another shape does not fit', () => {
  const { phase: _, ...rest } = makeStatus();
  expect(problemsOf('run', JSON.stringify({ id: 'x', runId: 'r', ...rest }))).not.toEqual([]);
  expect(problemsOf('run', JSON.stringify({ id: 'x', runId: 'r', ...makeStatus(), more: 1 }))).not.toEqual(
    [],
  );
  expect(problemsOf('version', '{"version":"1"}')).not.toEqual([]);
});

test('the patterns of the schemas have only what Python and Go also know', () => {
  const schemas = ['plan', 'fleet', 'run', 'output'].map((name) =>
    readFileSync(new URL(`../../../schema/${name}.schema.json`, import.meta.url), 'utf8'),
  );
  const patterns = [...schemas.join('').matchAll(/"pattern": (".*")/g)].map(
    ([, pattern = '']) => JSON.parse(pattern) as string,
  );
  expect(patterns.length).toBeGreaterThan(50);
  // Lookaround and named groups, character properties, references to groups.
  expect(patterns.filter((pattern) => /\(\?[^:]|\\[pP1-9]/.test(pattern))).toEqual([]);
});

const root = new URL('../../../', import.meta.url);
const plansIn = (folder: string) =>
  readdirSync(new URL(folder, root))
    .filter((name) => name.endsWith('.yaml'))
    .map((name): [string, object] => [
      `${folder}${name}`,
      parse(readFileSync(new URL(folder + name, root), 'utf8')) as object,
    ]);

test.each(plansIn('examples/'))('the schema of plans accepts %s', (_, plan) => {
  expect(problemsOfInput('plan', plan)).toEqual([]);
  expect(problemsOfInput('plan', { ...plan, stesp: [] })).not.toEqual([]);
});

test.each(plansIn('presets/'))(
  'the schema of plans accepts %s once it has a target, as an editor does',
  (_, plan) => {
    expect(problemsOfInput('plan', plan)).toEqual([" must have required property 'target'"]);
    expect(problemsOfInput('plan', { ...plan, target: { host: 'web1' } })).toEqual([]);
  },
);

test('the schemas accept inputs with every key', () => {
  for (const plan of inputs['provision'] ?? []) expect(problemsOfInput('plan', plan)).toEqual([]);
  for (const fleet of inputs['provisionFleet'] ?? []) expect(problemsOfInput('fleet', fleet)).toEqual([]);
});

const fleet: FleetInput = {
  name: 'web',
  plan: { steps: [{ name: 'a', script: 'true' }] },
  hosts: ['a', { name: 'b' }],
};

test.each<[change: object, isSeenBySchema: boolean]>([
  [{ name: '' }, true],
  [{ hosts: [] }, true],
  [{ hosts: [7] }, true],
  [{ hosts: [{ name: 'a', targt: {} }] }, true],
  [{ hosts: [{ name: 'a', target: { port: 0 } }] }, true],
  [{ hosts: [{ name: 'a', env: { 'A-B': 'x' } }] }, true],
  [{ pause: 'soon' }, true],
  [{ waves: [] }, true],
  [{ concurrency: 0 }, true],
  [{ order: 'random' }, true],
  [{ waevs: [1] }, true],
  // A schema cannot compare hosts with each other, or read a plan that lacks what its hosts set.
  [{ hosts: ['a', 'a'] }, false],
  [{ plan: { steps: [] } }, false],
])('a fleet with %j is refused, by its schema: %s', (change, isSeenBySchema) => {
  expect(problemsOfInput('fleet', fleet)).toEqual([]);
  expect(validateFleet(fleet).problems).toBeUndefined();
  const wrong = { ...fleet, ...change };
  expect(validateFleet(wrong).problems).not.toBeUndefined();
  expect(problemsOfInput('fleet', wrong).length > 0).toBe(isSeenBySchema);
});
