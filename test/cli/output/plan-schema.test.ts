import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parsePlan } from '../../../src/cli/input/plan-file.ts';

const root = new URL('../../../', import.meta.url);

test('the JSON Schema refuses unknown keys, as the validation does', () => {
  expect(JSON.parse(readFileSync(new URL('schema/plan.schema.json', root), 'utf8'))).toMatchObject({
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Chandler plan',
    additionalProperties: false,
    required: ['target'],
    anyOf: [{ required: ['steps'] }, { required: ['include'] }],
    properties: {
      steps: {
        items: {
          additionalProperties: false,
          required: ['name'],
          anyOf: [{ required: ['script'] }, { required: ['files'] }],
        },
      },
    },
  });
});

describe('examples', () => {
  const files = readdirSync(new URL('examples/', root)).filter((name) => name.endsWith('.yaml'));
  test.each(files)('%s is a good plan', (name) => {
    const text = readFileSync(new URL(`examples/${name}`, root), 'utf8');
    expect(parsePlan(text).problems).toBeUndefined();
  });
});
