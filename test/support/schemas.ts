import { defaultPayloadConverter, type Payload } from '@temporalio/common';
import type { WorkflowHandle } from '@temporalio/client';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { readFileSync } from 'node:fs';
import { HOST_REPORT } from '../../src/domain/fleet/host-report.ts';

const ajv = new Ajv2020({
  allowUnionTypes: true,
  allErrors: true,
  formats: { 'date-time': (text: string) => !Number.isNaN(Date.parse(text)) },
});
for (const name of ['output', 'run', 'plan', 'fleet']) {
  const url = new URL(`../../schema/${name}.schema.json`, import.meta.url);
  ajv.addSchema(JSON.parse(readFileSync(url, 'utf8')) as object, name);
}

/** Validates a text as the named definition of a published schema. Returns the problems, or an empty list. */
export function problemsOf(name: string, json: string, schema: 'output' | 'run' = 'output'): string[] {
  return validate(`${schema}#/$defs/${name}`, JSON.parse(json));
}

/** Validates a plan, or the input of a fleet, by its published schema. */
export function problemsOfInput(schema: 'plan' | 'fleet', value: unknown): string[] {
  return validate(schema, value);
}

/** What clients have sent to a run or a fleet: its input, and the inputs of its actions. Each with its problems by the published schemas. */
export async function validateSent(
  run: WorkflowHandle,
): Promise<{ readonly name: string; readonly problems: readonly string[] }[]> {
  const { events } = await run.fetchHistory();
  const started = events?.[0]?.workflowExecutionStartedEventAttributes;
  const isFleet = started?.workflowType?.name === 'provisionFleet';
  const inputOf = (payloads: Payload[] | null | undefined): unknown =>
    payloads?.[0] && defaultPayloadConverter.fromPayload(payloads[0]);
  const sent = [
    {
      name: isFleet ? 'fleet' : 'plan',
      schema: isFleet ? 'fleet' : 'plan',
      input: inputOf(started?.input?.payloads),
    },
  ];
  for (const {
    workflowExecutionSignaledEventAttributes: signal,
    workflowExecutionUpdateAcceptedEventAttributes: update,
  } of events ?? []) {
    const name = signal?.signalName ?? update?.acceptedRequest?.input?.name;
    // Runs report to their fleet by themselves.
    if (name === null || name === undefined || name === HOST_REPORT) continue;
    const schema = isFleet ? `run#/$defs/FleetActionInputs/properties/${name}` : `run#/$defs/${name}`;
    sent.push({
      name,
      schema,
      input: inputOf(signal ? signal.input?.payloads : update?.acceptedRequest?.input?.args?.payloads),
    });
  }
  return sent.map(({ name, schema, input }) => ({ name, problems: validate(schema, input) }));
}

function validate(schema: string, value: unknown): string[] {
  const check = ajv.getSchema(schema);
  if (!check) throw new Error(`the published schemas do not define ${schema}`);
  return check(value) ? [] : (check.errors ?? []).map((e) => `${e.instancePath} ${e.message}`);
}
