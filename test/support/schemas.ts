import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';

const ajv = new Ajv2020({
  allowUnionTypes: true,
  allErrors: true,
  formats: { 'date-time': (text: string) => !Number.isNaN(Date.parse(text)) },
});
for (const name of ['output', 'run']) {
  const url = new URL(`../../schema/${name}.schema.json`, import.meta.url);
  ajv.addSchema(JSON.parse(readFileSync(url, 'utf8')) as object, name);
}

/** Validates a text as the named definition of a published schema. Returns the problems, or an empty list. */
export function problemsOf(name: string, json: string, schema: 'output' | 'run' = 'output'): string[] {
  const validate = ajv.getSchema(`${schema}#/$defs/${name}`);
  if (!validate) throw new Error(`schema/${schema}.schema.json does not define ${name}`);
  return validate(JSON.parse(json))
    ? []
    : (validate.errors ?? []).map((e) => `${e.instancePath} ${e.message}`);
}
