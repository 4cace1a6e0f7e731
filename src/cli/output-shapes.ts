import { z } from 'zod';
import { failureCodes, type FailureCode } from '../domain/failure.ts';

// What a run and its parts look like wherever commands print them as JSON (see output-schema.ts).

export const ms = z.number().meta({ description: 'Milliseconds since the epoch.' });
export const generation = z.int().min(0).meta({ description: 'Which try: 1, 2, …; 0 before the first.' });

export const failure = z.object({
  code: z.enum(Object.keys(failureCodes) as [FailureCode, ...FailureCode[]]),
  message: z.string(),
  advice: z.string(),
  exitCode: z.int().exactOptional(),
  logTail: z.string().meta({ description: 'The end of the log, secrets starred.' }).exactOptional(),
  step: z.string().exactOptional(),
  host: z.string().exactOptional(),
  problems: z.array(z.object({ path: z.string(), message: z.string() })).exactOptional(),
});

export const partState = z.enum([
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
export const phase = z.enum([
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

export const intervention = z.object({
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

const interventions = z.array(intervention.extend({ atMs: ms }));

/** The engine keeps it when no worker answers any more, so it has what people did, too. */
export const result = z.union([
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

export const runStatus = z.object({
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

export const id = z.string().meta({ description: 'The id of a run.' });
