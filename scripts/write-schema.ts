// `npm run schema`: writes the published JSON Schema of plans.
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { renderPlanSchema } from '../src/cli/plan-schema.ts';

const file = fileURLToPath(new URL('../schema/plan.schema.json', import.meta.url));
writeFileSync(file, await format(renderPlanSchema(), { ...(await resolveConfig(file)), filepath: file }));
