// `npm run schema`: writes the published JSON Schemas of plans and of --json output.
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { renderOutputSchema } from '../src/cli/output/output-schema.ts';
import { renderPlanSchema } from '../src/cli/output/plan-schema.ts';

for (const [name, text] of [
  ['plan', renderPlanSchema()],
  ['output', renderOutputSchema()],
] as const) {
  const file = fileURLToPath(new URL(`../schema/${name}.schema.json`, import.meta.url));
  writeFileSync(file, await format(text, { ...(await resolveConfig(file)), filepath: file }));
}
