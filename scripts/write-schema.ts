// `npm run schema`: writes the published JSON Schema of plans.
import { writeFileSync } from 'node:fs';
import { renderPlanSchema } from '../src/cli/plan-schema.ts';

writeFileSync(new URL('../schema/plan.schema.json', import.meta.url), `${renderPlanSchema()}\n`);
