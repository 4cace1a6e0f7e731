import { z } from 'zod';
import {
  failure,
  attempt,
  id,
  auditEntry,
  leftover,
  ms,
  partState,
  phase,
  result,
  runId,
  runStatus,
  serverPause,
  trouble,
} from './output-shapes.ts';

// What commands print with --json: the one place that says so. schema/output.schema.json is made of it (npm run schema),
// commands can print values of these types only, and a test holds what the program really prints against it.

const iso = z.iso.datetime();
/** Where several runs are told of. */
const ofRun = {
  run: z.string().meta({ description: 'The id, when several runs are watched.' }).exactOptional(),
};

const placedProblem = z.object({
  path: z.string().meta({ description: 'steps[2].needs[0]; empty for the plan as a whole.' }),
  message: z.string(),
  line: z.int().meta({ description: 'Of the file.' }).exactOptional(),
});

/** One of these is set for a run that was terminated or timed out. */
const leftoverFields = {
  leftovers: z.array(leftover).meta({ description: 'What still runs on the host.' }).exactOptional(),
  leftoversUnknown: z.string().meta({ description: 'Why that is not known.' }).exactOptional(),
};

/** Each shape by its name, which is that of its definition in the published schema. */
export const outputSchemas = {
  run: z
    .union([
      runStatus.extend({ id, runId, result: result.exactOptional(), ...leftoverFields }),
      // Once a run is over the server knows its end, but only a worker its steps.
      z.object({ id, runId, result, ...leftoverFields }),
      z.object({
        id,
        serverPause,
        known: z
          .object({
            plan: z.string(),
            host: z.string(),
            phase: z.string().meta({ description: 'Empty if the server does not keep it.' }),
            startedAtMs: ms,
            lastLines: z.array(z.object({ step: z.string(), lastLine: z.string() })).readonly(),
          })
          .meta({ description: 'What the server knows: a paused workflow answers nothing.' }),
      }),
    ])
    .meta({ description: '`status ID`. Without steps when the run is over and no worker answers.' }),
  runs: z
    .array(
      z.object({
        id,
        runId,
        status: z.string().meta({ description: 'RUNNING, PAUSED, COMPLETED, FAILED, …: as Temporal says.' }),
        phase: z.string().meta({ description: 'As a run has it; empty if the server does not keep it.' }),
        attention: z.boolean(),
        activityPaused: z
          .literal(true)
          .meta({ description: 'An operator has paused an activity of it.' })
          .exactOptional(),
        plan: z.string(),
        startedAtMs: ms,
        endedAtMs: ms.exactOptional(),
      }),
    )
    .meta({ description: '`status`: the latest 100 runs.' }),
  started: z
    .object({
      id,
      runId,
      url: z.string().meta({ description: 'Its page in the UI, if that is known.' }).exactOptional(),
    })
    .meta({ description: '`start`.' }),
  change: z
    .union([
      z.object({ ...ofRun, at: iso, change: z.literal('phase'), phase }),
      z.object({
        ...ofRun,
        at: iso,
        change: z.enum(['step', 'finalizer']),
        step: z.string(),
        state: partState,
        attempt,
        elapsedMs: z.number().exactOptional(),
        exitCode: z.int().exactOptional(),
        failure: failure.exactOptional(),
      }),
      z.object({
        ...ofRun,
        at: iso,
        change: z.literal('trouble'),
        step: z.string().exactOptional(),
        finalizer: z.literal(true).exactOptional(),
        trouble: trouble.meta({ description: 'Missing once the host can be asked again.' }).exactOptional(),
      }),
      z.object({
        ...ofRun,
        at: iso,
        change: z.literal('server-pause'),
        step: z.string().exactOptional(),
        finalizer: z.literal(true).exactOptional(),
        serverPause: serverPause.meta({ description: 'Missing once it is over.' }).exactOptional(),
      }),
      z.object({
        ...ofRun,
        at: iso,
        change: z.literal('waiting'),
        step: z.string().meta({ description: 'Missing if the run as a whole waits.' }).exactOptional(),
        waitingFor: z.string(),
        waitingUntilMs: ms.exactOptional(),
        attach: z
          .string()
          .meta({ description: 'Of a step that waits for input: the command that attaches to its terminal.' })
          .exactOptional(),
      }),
      auditEntry.extend({ ...ofRun, at: iso, change: z.literal('auditEntry') }),
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
        warnings: z.array(placedProblem).meta({ description: 'What is allowed but will surprise.' }),
      }),
      z.object({ file: z.string(), ok: z.literal(false), problems: z.array(placedProblem) }),
    ])
    .meta({ description: '`validate`.' }),
  logChunk: z
    .object({
      attempt,
      text: z.string(),
      nextOffset: z.int().meta({ description: 'Where the log of that attempt continues, in bytes.' }),
    })
    .meta({ description: '`logs`: one a line.' }),
  actionOutcome: z
    .object({
      id,
      action: z.string().meta({ description: 'retry, skip, abort, …' }),
      steps: z
        .array(z.string())
        .meta({ description: 'The steps that it was sent for; empty: the run as a whole.' }),
      outcome: z.enum(['accepted', 'queued', 'refused', 'unknown', 'nothing-to-do', 'would-be-sent']),
      reason: z
        .string()
        .meta({ description: 'Why it was refused, or why there was nothing to do.' })
        .exactOptional(),
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
          looked: z.string().meta({ description: 'What was checked.' }),
          verdict: z
            .enum(['ok', 'warning', 'problem', 'skipped'])
            .meta({ description: 'skipped: it could not be checked.' }),
          says: z.string().meta({ description: 'What was found, and what it means.' }),
          mend: z.string().meta({ description: 'How to fix it.' }).exactOptional(),
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
        outcome: z.enum(['nothing-to-do', 'drifted', 'would-run', 'would-fail', 'unknown']),
        says: z.string().meta({ description: 'The outcome in one line.' }),
        rows: z
          .array(
            z.object({
              kind: z.string().meta({
                description:
                  'host, lease, leftover, sentinel, marker, zmx, step or finalizer; a later version may add more.',
              }),
              name: z.string().meta({ description: 'Of the step, finalizer or leftover.' }).exactOptional(),
              would: z.enum(['keep', 'drift', 'do', 'wait', 'fail', 'unknown']),
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
        backend: z.enum(['docker', 'namespace']),
        pid: z.int().optional(),
        startTime: z.string().optional(),
        container: z.string().optional(),
        root: z.string().optional(),
        running: z.boolean().exactOptional(),
      }),
    )
    .meta({ description: '`sandbox list` and, without `running`, `sandbox up`.' }),
  leftovers: z
    .object({
      host: z.string().meta({ description: 'user@host:port' }),
      atWork: z.string().meta({ description: 'The run that is at work on the host.' }).exactOptional(),
      leftovers: z.array(
        leftover.extend({
          left: z
            .int()
            .meta({ description: 'With --end: how many of its processes would not die.' })
            .exactOptional(),
        }),
      ),
      sessions: z.array(z.string()).readonly().meta({ description: 'Open sessions of steps that are over.' }),
      closed: z
        .array(z.string())
        .readonly()
        .meta({ description: 'With --end: the sessions that were closed.' })
        .exactOptional(),
    })
    .meta({ description: '`clean`.' }),
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
