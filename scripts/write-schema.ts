// `npm run schema`: writes the published JSON Schemas: of plans and fleets, from their zod schemas, and of --json output and what runs exchange with
// clients, from TypeScript types. With --check it writes nothing and fails if a file is out of date.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createGenerator } from 'ts-json-schema-generator';
import { z } from 'zod';
import { fleetSchema } from '../src/domain/fleet/schema.ts';
import { planSchema, stepSchema } from '../src/domain/plan/schema.ts';
import { formatText } from './format-text.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const OUTPUTS = 'src/cli/output/outputs.ts';
const EXCHANGE = 'src/client/exchange.ts';

/** As much of JSON Schema as {@link renderTypes} handles. */
interface JsonSchema {
  readonly properties: Readonly<Record<string, object>>;
  readonly definitions: Readonly<Record<string, object>>;
}

function renderPlanSchema(): object {
  const { $schema, ...schema } = z.toJSONSchema(planSchema, {
    io: 'input',
    unrepresentable: 'any',
    // A step that places files may have no script.
    override({ zodSchema, jsonSchema }) {
      if (zodSchema === stepSchema) jsonSchema.anyOf = oneOf('script', 'files');
    },
  });
  const about = {
    title: 'Chandler plan',
    description: 'What to do on a host: steps, what each needs, and when the host counts as provisioned.',
  };
  // A plan that includes files may have no steps of its own.
  return { $schema, ...about, ...schema, required: ['target'], anyOf: oneOf('steps', 'include') };
}

function renderFleetSchema(): object {
  const { $schema, ...schema } = z.toJSONSchema(fleetSchema, { io: 'input', unrepresentable: 'any' });
  const about = {
    title: 'Chandler fleet',
    description: 'The input of the workflow provisionFleet: a plan, its hosts, and how it reaches them.',
  };
  return { $schema, ...about, ...schema };
}

function oneOf(...keys: string[]): { required: string[] }[] {
  return keys.map((key) => ({ required: [key] }));
}

// One program for both: to read the sources takes most of the time.
const generator = createGenerator({
  path: join(root, `{${OUTPUTS},${EXCHANGE}}`),
  tsconfig: join(root, 'tsconfig.json'),
  skipTypeCheck: true,
  topRef: false,
});

/** Each property of the interface becomes a definition, beside the types that it uses. */
function renderTypes(name: string, about: { title: string; description: string }): object {
  const text = JSON.stringify(generator.createSchema(name), sortKeys);
  const { properties, definitions } = JSON.parse(
    text.replaceAll('"#/definitions/', '"#/$defs/'),
  ) as JsonSchema;
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    ...about,
    $defs: { ...properties, ...definitions },
  };
}

/** A replacer for `JSON.stringify`. */
function sortKeys(_: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

const outputs = {
  title: 'What chandler prints with --json',
  description: 'Each definition says which command prints it. A later version may add keys.',
};
const exchange = {
  title: 'What a run exchanges with its clients',
  description:
    'The state, result and failure of a run, the arguments of its actions, and notifications, for clients in any language. A later version may add keys.',
};
const isCheck = process.argv.includes('--check');
for (const [name, schema] of [
  ['plan', renderPlanSchema()],
  ['fleet', renderFleetSchema()],
  ['output', renderTypes('Outputs', outputs)],
  ['run', renderTypes('Exchange', exchange)],
] as const) {
  const file = `${root}schema/${name}.schema.json`;
  const text = await formatText(file, JSON.stringify(schema, undefined, 2));
  if (!isCheck) writeFileSync(file, text);
  else if (readFileSync(file, 'utf8') !== text) {
    console.error(`schema/${name}.schema.json is out of date: npm run schema`);
    process.exitCode = 1;
  }
}
