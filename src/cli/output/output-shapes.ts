import { z } from 'zod';
import { failureCodes, type FailureCode } from '../../domain/run/failure.ts';
import { actionNames } from '../../domain/run/actions.ts';

// What a run and its parts look like wherever commands print them as JSON (see output-schema.ts).

export const ms = z.number().meta({ description: 'Milliseconds since the epoch.' });
export const attempt = z.int().min(0).meta({ description: 'Which attempt: 1, 2, …; 0 before the first.' });

const failureCode = z.enum(Object.keys(failureCodes) as [FailureCode, ...FailureCode[]]);

export const failure = z.object({
  code: failureCode,
  message: z.string(),
  advice: z.string(),
  exitCode: z.int().exactOptional(),
  logTail: z.string().meta({ description: 'The end of the log, secrets masked.' }).exactOptional(),
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

export const trouble = z
  .object({
    code: failureCode,
    message: z.string().meta({ description: 'What the host or the network said last.' }),
    advice: z.string(),
    sinceMs: ms,
    nextTryAtMs: ms.exactOptional(),
  })
  .meta({ description: 'Set while the host cannot be reached.' });

export const serverPause = z
  .object({
    of: z.enum(['workflow', 'activity']),
    sinceMs: ms,
    by: z.string().meta({ description: 'Who, as their client calls itself.' }).exactOptional(),
    reason: z.string().exactOptional(),
    unpause: z.string().meta({ description: 'The command of the Temporal CLI that ends it.' }),
  })
  .meta({ description: 'An operator paused it with one of Temporal’s own controls.' });

const part = z.object({
  state: partState,
  attempt,
  startedAtMs: ms.exactOptional(),
  endedAtMs: ms.exactOptional(),
  exitCode: z.int().exactOptional(),
  failure: failure.exactOptional(),
  notes: z
    .array(z.string())
    .readonly()
    .meta({ description: 'Notes on its end: when its terminal was lost, which processes ended with it.' })
    .exactOptional(),
  trouble: trouble.exactOptional(),
  waitingFor: z.string().meta({ description: 'What its start waits for.' }).exactOptional(),
  serverPause: serverPause.exactOptional(),
  input: z
    .object({
      lastLine: z.string().meta({ description: 'Of its log when that was noticed.' }),
      attach: z.string().meta({ description: 'The ssh command that attaches to its terminal.' }),
      sinceMs: ms,
    })
    .meta({ description: 'Set while it waits for keyboard input.' })
    .exactOptional(),
});
const step = part.extend({
  name: z.string(),
  session: z.string().meta({ description: 'The zmx session of the latest attempt.' }).exactOptional(),
  extendedByMs: z.number().meta({ description: 'Added to its timeout by people.' }).exactOptional(),
  finalizer: part.exactOptional(),
});

export const auditEntry = z.object({
  action: z
    .string()
    .meta({ description: `${actionNames.join(', ')}; of a refused signal whatever name it had.` }),
  step: z.string().exactOptional(),
  refused: z
    .string()
    .meta({ description: 'Why the signal was refused and changed nothing; missing if it was accepted.' })
    .exactOptional(),
  reason: z.string().exactOptional(),
  by: z.string().meta({ description: 'Who, as their client calls itself.' }).exactOptional(),
  force: z
    .literal(true)
    .meta({ description: 'The retry ended the latest launch and started another.' })
    .exactOptional(),
  script: z.literal(true).meta({ description: 'A script was given in place of the plan’s.' }).exactOptional(),
  env: z
    .array(z.string())
    .readonly()
    .meta({ description: 'Names of variables that were given.' })
    .exactOptional(),
  reset: z
    .array(z.string())
    .readonly()
    .meta({ description: 'Steps that were reset as well.' })
    .exactOptional(),
  extendedByMs: z.number().exactOptional(),
});

const auditTrail = z.array(auditEntry.extend({ atMs: ms }));

/** The server keeps it when no worker answers any more, so it has what people did, too. */
export const result = z.union([
  z.object({
    outcome: z.enum(['provisioned', 'already-provisioned']),
    result: z.object({
      outcome: z.enum(['provisioned', 'already-provisioned']),
      host: z.string(),
      digest: z.string().meta({ description: 'Of what the plan does, as the sentinel has it.' }),
      steps: z
        .array(
          z.object({
            name: z.string(),
            state: partState,
            attempt,
            finalizer: z.object({ state: partState, attempt }).exactOptional(),
          }),
        )
        .readonly(),
      auditTrail: auditTrail.readonly(),
    }),
  }),
  z.object({
    outcome: z.enum(['failed', 'aborted']),
    failure: failure.extend({ auditTrail: auditTrail.readonly().exactOptional() }),
  }),
]);

export const runStatus = z.object({
  phase,
  plan: z.string().meta({ description: 'Its name.' }),
  host: z.string().meta({ description: 'user@host:port' }),
  fleet: z.string().exactOptional(),
  labels: z.record(z.string(), z.string()).readonly().exactOptional(),
  attention: z.boolean().meta({
    description: 'Whether the run needs attention, or its host cannot be reached and a person should know.',
  }),
  paused: z.boolean(),
  startedAtMs: ms,
  endedAtMs: ms.exactOptional(),
  steps: z.array(step),
  sentinel: z.string().meta({ description: 'Its path on the host; empty until that is known.' }),
  zmxPath: z.string().meta({ description: 'Absolute path of zmx on the host.' }).exactOptional(),
  attach: z
    .string()
    .meta({ description: 'The command to attach to a session, NAME in place of the session.' })
    .exactOptional(),
  failure: failure.exactOptional(),
  notes: z
    .array(z.string())
    .readonly()
    .meta({ description: 'One sentence for each launch of an earlier run that was continued or ended.' })
    .exactOptional(),
  trouble: trouble.exactOptional(),
  waitingFor: z
    .string()
    .meta({ description: 'What the run as a whole waits for: the path of the bootstrap marker.' })
    .exactOptional(),
  waitingUntilMs: ms.meta({ description: 'When the run gives up that wait.' }).exactOptional(),
  serverPause: serverPause.exactOptional(),
  auditTrail,
  refusedActions: z.int().meta({ description: 'How many signals were refused in all.' }).exactOptional(),
});

export const leftover = z.object({
  launch: z.string().meta({ description: 'The id of the launch.' }),
  step: z.string(),
  kind: z.enum(['step', 'finalizer']),
  attempt,
  session: z.string().exactOptional(),
  state: z.enum(['created', 'running', 'interrupted', 'ended']).meta({
    description:
      'created: not begun; interrupted: its supervisor is gone; ended: it failed or was killed, and left processes.',
  }),
  sinceMs: ms.exactOptional(),
  processes: z.int(),
  run: z
    .string()
    .meta({ description: 'The id of the run that started it, if that is known.' })
    .exactOptional(),
});

export const id = z.string().meta({ description: 'The id of a run.' });
export const runId = z
  .string()
  .meta({ description: 'Tells it from other runs of that id; commands take it as --run-id.' });
