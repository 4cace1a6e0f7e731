import { z } from 'zod';
import { failureCodes, type FailureCode } from '../domain/failure.ts';

// What commands print with --json: the one place that says so. schema/output.schema.json is made of it (npm run schema),
// commands can print values of these types only, and a test holds what the program really prints against it.

const ms = z.number().meta({ description: 'Milliseconds since the epoch.' });
const iso = z.iso.datetime();
const generation = z.int().min(0).meta({ description: 'Which try: 1, 2, …; 0 before the first.' });

const failure = z.object({
  code: z.enum(Object.keys(failureCodes) as [FailureCode, ...FailureCode[]]),
  message: z.string(),
  advice: z.string(),
  exitCode: z.int().exactOptional(),
  logTail: z.string().meta({ description: 'The end of the log, secrets starred.' }).exactOptional(),
  step: z.string().exactOptional(),
  host: z.string().exactOptional(),
  problems: z.array(z.object({ path: z.string(), message: z.string() })).exactOptional(),
});

const partState = z.enum([
  'pending',
  'running',
  'retrying',
  'succeeded',
  'satisfied',
  'skipped',
  'parked',
  'failed',
  'blocked',
  'killed',
]);
const phase = z.enum([
  'validating',
  'connecting',
  'waiting-for-script',
  'waiting-for-bootstrap',
  'installing-zmx',
  'steps',
  'finalizers',
  'verifying',
  'provisioned',
  'already-provisioned',
  'failed',
  'aborted',
]);

const part = z.object({
  state: partState,
  generation,
  startedAtMs: ms.exactOptional(),
  endedAtMs: ms.exactOptional(),
  exitCode: z.int().exactOptional(),
  failure: failure.exactOptional(),
});
const step = part.extend({
  name: z.string(),
  session: z.string().meta({ description: 'The zmx session of the latest try.' }).exactOptional(),
  extendedByMs: z.number().meta({ description: 'Added to its timeout by people.' }).exactOptional(),
  finalizer: part.exactOptional(),
});

const intervention = z.object({
  action: z.enum(['retryStep', 'skipStep', 'abort', 'pause', 'resume', 'extendTimeout']),
  step: z.string().exactOptional(),
  reason: z.string().exactOptional(),
  by: z.string().meta({ description: 'Who, as their client calls itself.' }).exactOptional(),
  script: z.literal(true).meta({ description: 'A script was given in place of the plan’s.' }).exactOptional(),
  env: z
    .array(z.string())
    .readonly()
    .meta({ description: 'Names of variables that were given.' })
    .exactOptional(),
  reset: z
    .array(z.string())
    .readonly()
    .meta({ description: 'Steps that were set back as well.' })
    .exactOptional(),
  extendedByMs: z.number().exactOptional(),
});

/** Where several runs are told of. */
const ofRun = {
  run: z.string().meta({ description: 'The id, when several runs are watched.' }).exactOptional(),
};

const interventions = z.array(intervention.extend({ atMs: ms }));

/** The engine keeps it when no worker answers any more, so it has what people did, too. */
const result = z.union([
  z.object({
    outcome: z.enum(['provisioned', 'already-provisioned']),
    result: z.object({
      outcome: z.enum(['provisioned', 'already-provisioned']),
      host: z.string(),
      digest: z.string().meta({ description: 'Of what the plan does, as the sentinel has it.' }),
      steps: z.array(z.object({ name: z.string(), state: partState, generation })).readonly(),
      interventions: interventions.readonly().exactOptional(),
    }),
  }),
  z.object({
    outcome: z.enum(['failed', 'aborted']),
    failure: failure.extend({ interventions: interventions.readonly().exactOptional() }),
  }),
]);

const runStatus = z.object({
  phase,
  plan: z.string().meta({ description: 'Its name.' }),
  host: z.string().meta({ description: 'user@host:port' }),
  fleet: z.string().exactOptional(),
  labels: z.record(z.string(), z.string()).readonly().exactOptional(),
  attention: z.boolean().meta({ description: 'Whether the run waits for a person.' }),
  paused: z.boolean(),
  startedAtMs: ms,
  endedAtMs: ms.exactOptional(),
  steps: z.array(step),
  sentinel: z.string().meta({ description: 'Its path on the host; empty until that is known.' }),
  attach: z
    .string()
    .meta({ description: 'The command to attach to a session, NAME in place of the session.' })
    .exactOptional(),
  failure: failure.exactOptional(),
  interventions,
});

const id = z.string().meta({ description: 'The id of a run.' });

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
