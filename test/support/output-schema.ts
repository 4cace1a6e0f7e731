import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';

const url = new URL('../../schema/output.schema.json', import.meta.url);
const ajv = new Ajv2020({
  allErrors: true,
  formats: { 'date-time': (text: string) => !Number.isNaN(Date.parse(text)) },
});
ajv.addSchema(JSON.parse(readFileSync(url, 'utf8')) as object, 'output');

/** Validates a text as the named output. Returns the problems, or an empty list. */
export function problemsOf(name: string, json: string): string[] {
  const validate = ajv.getSchema(`output#/$defs/${name}`);
  if (!validate) throw new Error(`there is no output named ${name}`);
  return validate(JSON.parse(json))
    ? []
    : (validate.errors ?? []).map((e) => `${e.instancePath} ${e.message}`);
}
