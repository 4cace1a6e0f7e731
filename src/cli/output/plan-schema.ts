import { z } from 'zod';
import { planSchema } from '../../domain/plan/schema.ts';

/** The JSON Schema of plans, as it is published in schema/plan.schema.json. */
export function renderPlanSchema(): string {
  const schema = z.toJSONSchema(planSchema, { io: 'input', unrepresentable: 'any' });
  const about = {
    title: 'Chandler plan',
    description: 'What to do on a host: steps, what each needs, and when the host counts as provisioned.',
  };
  return JSON.stringify({ $schema: schema.$schema, ...about, ...schema }, undefined, 2);
}
