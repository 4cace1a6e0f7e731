import { z } from 'zod';
import {
  failure,
  generation,
  id,
  intervention,
  ms,
  partState,
  phase,
  result,
  runStatus,
} from './output-shapes.ts';

// What commands print with --json: the one place that says so. schema/output.schema.json is made of it (npm run schema),
// commands can print values of these types only, and a test holds what the program really prints against it.

const iso = z.iso.datetime();
/** Where several runs are told of. */
const ofRun = {
  run: z.string().meta({ description: 'The id, when several runs are watched.' }).exactOptional(),
};

/** Each shape by its name, which is that of its definition in the published schema. */
export const outputSchemas = {
  run: z
    .union([
      runStatus.extend({ id, result: result.exactOptional() }),
      // Once a run is over the server knows its end, but only a worker its steps.
      z.object({ id, result }),
    ])
    .meta({ description: '`status ID`. Without steps when the run is over and no worker answers.' }),
  runs: z
    .array(
      z.object({
        id,
        status: z.string().meta({ description: 'RUNNING, COMPLETED, FAILED, …: as Temporal says.' }),
        phase: z.string().meta({ description: 'As a run has it; empty if the server does not keep it.' }),
        attention: z.boolean(),
        plan: z.string(),
        startedAtMs: ms,
        endedAtMs: ms.exactOptional(),
      }),
    )
    .meta({ description: '`status`: the latest 100 runs.' }),
  change: z
    .union([
      z.object({ ...ofRun, at: iso, change: z.literal('phase'), phase }),
      z.object({
        ...ofRun,
        at: iso,
        change: z.enum(['step', 'finalizer']),
        step: z.string(),
        state: partState,
        generation,
        elapsedMs: z.number().exactOptional(),
        exitCode: z.int().exactOptional(),
        failure: failure.exactOptional(),
      }),
      intervention.extend({ ...ofRun, at: iso, change: z.literal('intervention') }),
    ])
    .meta({ description: '`up`, `watch-host`, `status --watch`, `watch`: one a line.' }),
  validation: z
    .union([
      z.object({
        file: z.string(),
        ok: z.literal(true),
        steps: z.int(),
        finalizers: z.int(),
        digest: z.string(),
      }),
      z.object({
        file: z.string(),
        ok: z.literal(false),
        problems: z.array(
          z.object({
            path: z.string().meta({ description: 'steps[2].needs[0]; empty for the plan as a whole.' }),
            message: z.string(),
            line: z.int().exactOptional(),
          }),
        ),
      }),
    ])
    .meta({ description: '`validate`.' }),
  logChunk: z
    .object({
      generation,
      text: z.string(),
      nextOffset: z.int().meta({ description: 'Where the log of that try goes on after it, in bytes.' }),
    })
    .meta({ description: '`logs`: one a line.' }),
  order: z
    .object({
      id,
      action: z.string().meta({ description: 'retry, skip, abort, …' }),
      steps: z.array(z.string()).meta({ description: 'Which it is about; empty: the run as a whole.' }),
      outcome: z.enum(['taken', 'refused', 'unknown', 'nothing-to-do', 'would-be-sent']),
      reason: z.string().meta({ description: 'Why it was refused, or nothing was to do.' }).exactOptional(),
    })
    .meta({ description: '`retry`, `skip`, `abort`, … with --query or --fleet: one a line for each run.' }),
  findings: z
    .object({
      problems: z.int(),
      warnings: z.int(),
      findings: z.array(
        z.object({
          about: z.enum(['here', 'server', 'worker', 'host']),
          name: z.string().meta({ description: 'Which one: an address, the identity of a worker, a host.' }),
          id: z
            .string()
            .meta({ description: 'Stable: search-attributes, host-key, …; several may have it.' }),
          looked: z.string().meta({ description: 'What was looked at.' }),
          verdict: z
            .enum(['ok', 'warning', 'problem', 'skipped'])
            .meta({ description: 'skipped: it could not be looked at.' }),
          says: z.string().meta({ description: 'What was found, and what it means.' }),
          mend: z.string().meta({ description: 'How to mend it.' }).exactOptional(),
          fixed: z.string().meta({ description: 'What --fix has done about it.' }).exactOptional(),
        }),
      ),
    })
    .meta({ description: '`doctor`.' }),
  diffs: z
    .array(
      z.object({
        host: z.string().meta({ description: 'user@host:port' }),
        plan: z.string(),
        digest: z.string(),
        outcome: z.enum(['nothing-to-do', 'would-run', 'would-fail', 'unknown']),
        says: z.string().meta({ description: 'The outcome in one line.' }),
        rows: z
          .array(
            z.object({
              kind: z.string().meta({
                description:
                  'host, lease, sentinel, marker, zmx, step or finalizer; a later version may have more.',
              }),
              name: z.string().meta({ description: 'Of the step or finalizer.' }).exactOptional(),
              would: z.enum(['keep', 'do', 'wait', 'fail', 'unknown']),
              says: z.string(),
            }),
          )
          .readonly(),
      }),
    )
    .meta({ description: '`diff`: one for each host.' }),
  sandboxHosts: z
    .array(
      z.object({
        name: z.string(),
        host: z.string(),
        port: z.int(),
        user: z.string(),
        identity: z.string().meta({ description: 'The file of the private key.' }),
        knownHosts: z.string(),
        hostKey: z.string(),
        engine: z.enum(['docker', 'namespace']),
        pid: z.int().optional(),
        startTime: z.string().optional(),
        container: z.string().optional(),
        root: z.string().optional(),
        running: z.boolean().exactOptional(),
      }),
    )
    .meta({ description: '`sandbox list` and, without `running`, `sandbox up`.' }),
  version: z.object({ version: z.string(), node: z.string() }).meta({ description: '`version`.' }),
  error: z
    .object({
      error: z.object({
        message: z.string(),
        code: z.string().meta({
          description: 'A failure code, or: usage, failed, unreachable, not-found, no-worker, no-permission.',
        }),
        exitCode: z.int(),
      }),
    })
    .meta({ description: 'Any command that fails with --json: on a line of standard error.' }),
};

/** What is printed by the name of its definition. */
export type OutputOf<Name extends keyof typeof outputSchemas> = z.infer<(typeof outputSchemas)[Name]>;

/** What may be printed as JSON. */
export type Output = OutputOf<keyof typeof outputSchemas>;

/** The JSON Schema of every shape, as it is published in schema/output.schema.json. */
export function renderOutputSchema(): string {
  const definitions = Object.entries(outputSchemas).map(([name, schema]) => {
    const { $schema: _, ...rest } = z.toJSONSchema(schema, { io: 'output' });
    return [name, rest];
  });
  const about = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'What chandler prints with --json',
    description: 'Each definition says which command prints it. A later version may add keys.',
  };
  return JSON.stringify({ ...about, $defs: Object.fromEntries(definitions) as unknown }, undefined, 2);
}
