import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { renderOutputSchema } from '../../src/cli/output-schema.ts';
import { listChanges } from '../../src/cli/render/changes.ts';
import { problemsOf } from '../support/output-schema.ts';
import { makeStatus } from './make-status.ts';

test('the published JSON Schema is up to date (else: npm run schema)', () => {
  const published = readFileSync(new URL('../../schema/output.schema.json', import.meta.url), 'utf8');
  expect(JSON.parse(published)).toEqual(JSON.parse(renderOutputSchema()));
});

test('every shape says which command prints it', () => {
  const { $defs } = JSON.parse(renderOutputSchema()) as { $defs: Record<string, { description?: string }> };
  for (const { description } of Object.values($defs)) expect(description).toMatch(/`|--json/);
});

test('a status and its changes fit', () => {
  const status = makeStatus({
    fleet: 'web',
    labels: { rack: '7' },
    interventions: [
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
    ],
  });
  expect(problemsOf('run', JSON.stringify({ id: 'x', ...status }))).toEqual([]);
  for (const change of listChanges(undefined, status, 0)) {
    expect({ change, problems: problemsOf('change', JSON.stringify(change)) }).toEqual({
      change,
      problems: [],
    });
  }
});

test('what has another shape does not fit', () => {
  const { phase: _, ...rest } = makeStatus();
  expect(problemsOf('run', JSON.stringify({ id: 'x', ...rest }))).not.toEqual([]);
  expect(problemsOf('run', JSON.stringify({ id: 'x', ...makeStatus(), more: 1 }))).not.toEqual([]);
  expect(problemsOf('version', '{"version":"1"}')).not.toEqual([]);
});
