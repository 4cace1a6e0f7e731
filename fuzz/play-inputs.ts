import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import {
  ApplicationFailure,
  WorkflowFailedError,
  WorkflowNotFoundError,
  type Client,
  type WorkflowHandle,
} from '@temporalio/client';
import type { Payload } from '@temporalio/common';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { Worker } from '@temporalio/worker';
import { boundedProblems } from '../src/domain/plan/problems.ts';
import type { Activities, Admission } from '../src/activities/activity-types.ts';
import { surveyRun, signalRun } from '../src/client/run-surveys.ts';
import { createClient, type ChandlerClient } from '../src/client.ts';
import { fleetWorkflowId } from '../src/domain/fleet/fleet-id.ts';
import { validateFleet } from '../src/domain/fleet/validate-fleet.ts';
import {
  indexedValueTypes,
  searchAttributes,
  type SearchAttribute,
} from '../src/domain/run/search-attributes.ts';
import type { Problem } from '../src/domain/plan/problems.ts';
import { validatePlan, validateWatch } from '../src/domain/plan/validate.ts';
import { withoutTaskLimit } from '../src/worker.ts';
import { ADVANCED_BY_QUERY } from '../src/workflows/sdk/fail-after-query.ts';
import { workflowBundle } from '../test/support/built.ts';
import { ended, failed, fakeActivities } from '../test/workflows/harness.ts';
import { describeShape, type InputShape } from './input-shapes.ts';
import { HOST_NAME, PARKED_STEP } from './valid-inputs.ts';

/** The time for a shape to be refused, or for its workflow to end. */
const LIMIT_MS = 60_000;
/** Attempts of a call that the server does not answer in time. */
const TRIES = 10;
/** Messages to a run before another replaces it. */
const MESSAGES_PER_RUN = 200;
const CHECK_EVERY = 20;

export interface PlayOptions {
  /** Shapes at once. Default 8. */
  readonly atOnce?: number;
  /** Multiplies the time limits, for a busy machine. Default 1. */
  readonly patience?: number;
  readonly onFinding?: (finding: string) => void;
}

export interface PlayedShapes {
  readonly played: number;
  /** A shape that broke a promise, and its result. */
  readonly findings: readonly string[];
}

/** Sends shapes to workflows with a host on which everything works. No request of a client may make a workflow task fail. */
export async function playShapes(
  env: TestWorkflowEnvironment,
  shapes: readonly InputShape[],
  { atOnce = 8, patience = 1, onFinding = () => undefined }: PlayOptions = {},
): Promise<PlayedShapes> {
  const limitMs = LIMIT_MS * patience;
  await addSearchAttributes(env);
  const taskQueue = `inputs-${randomUUID()}`;
  const { client, nativeConnection: connection } = env;
  const worker = await Worker.create({
    connection,
    taskQueue,
    workflowBundle,
    activities: activitiesOfHost(client),
    ...withoutTaskLimit,
  });
  const findings: string[] = [];
  const report = (finding: string) => {
    findings.push(finding);
    onFinding(finding);
  };
  await worker.runUntil(async () => {
    const queue = [...shapes];
    await Promise.all(
      Array.from({ length: atOnce }, async () => {
        const starter = createClient(client, taskQueue, async () => undefined);
        const lanes = {
          run: new MessageLane(client, parkedRun(starter), limitMs, report),
          fleet: new MessageLane(client, parkedFleet(starter), limitMs, report),
        };
        for (let shape = queue.shift(); shape; shape = queue.shift()) {
          try {
            if (shape.kind === 'start') await playStart(client, taskQueue, limitMs, shape, report);
            else await lanes[shape.to].play(shape);
          } catch (error) {
            report(`${describeShape(shape)}: ${String(error)}`);
          }
        }
        await Promise.all([lanes.run.finish(), lanes.fleet.finish()]);
      }),
    );
  });
  return { played: shapes.length, findings };
}

function admission({ problems = [] }: { problems?: readonly Problem[] }): Admission {
  return {
    problems: boundedProblems(problems),
    searchAttributes: Object.keys(searchAttributes) as SearchAttribute[],
    notify: { events: ['failed'], channels: ['url'] },
  };
}

function activitiesOfHost(client: Client): Activities {
  return fakeActivities({
    admitPlan: async (plan) => admission(validatePlan(plan)),
    admitWatch: async (input) => admission(validateWatch(input)),
    admitFleet: async (input) => admission(validateFleet(input)),
    surveyRuns: ({ workflowIds }) => Promise.all(workflowIds.map((id) => surveyRun(client, id))),
    signalRuns: async ({ runs, signal, input }) => {
      for (const run of runs) await signalRun(client, run, signal, input);
    },
    checkInput: async (input) =>
      ('plan' in input ? validatePlan(input.plan) : validateWatch(input)).problems ?? [],
    waitStep: async ({ launch }) => {
      if (launch.step === PARKED_STEP) throw failed(3);
      return ended;
    },
    followScript: async () => ({ sentinelPath: '/s', sentinel: '', parts: [], seen: '1' }),
  }).activities;
}

async function addSearchAttributes(env: TestWorkflowEnvironment): Promise<void> {
  const types = Object.entries(searchAttributes).map(([name, type]) => [name, indexedValueTypes[type]]);
  await env.connection.operatorService.addSearchAttributes({
    namespace: 'default',
    searchAttributes: Object.fromEntries(types),
  });
}

/** How long a fleet may take to end before it counts as one that waits for an operator. */
const FLEET_ENDS_WITHIN_MS = 3_000;

/** Starts a workflow and waits for its end. The workflow may fail, its tasks may not. A fleet may also wait for an operator. */
async function playStart(
  client: Client,
  taskQueue: string,
  limitMs: number,
  shape: InputShape,
  report: (finding: string) => void,
): Promise<void> {
  const workflowId = `input-${randomUUID()}`;
  const request = {
    namespace: 'default',
    workflowId,
    workflowType: { name: shape.name },
    taskQueue: { name: taskQueue },
    input: { payloads: [...shape.payloads] },
    header: { fields: { ...shape.extra } },
    memo: { fields: { ...shape.extra } },
    identity: 'fuzz',
    requestId: randomUUID(),
  };
  try {
    await patiently(() => client.workflowService.startWorkflowExecution(request));
  } catch (error) {
    if (isRefusal(error)) return;
    throw error;
  }
  const handle = client.workflow.getHandle(workflowId);
  const late = new AbortController();
  const outcome = await Promise.race([
    patiently(() => handle.result()).then(
      () => 'completed',
      (error: unknown) =>
        error instanceof WorkflowFailedError && error.cause instanceof ApplicationFailure
          ? 'failed'
          : `${String(error)}: ${String(Object(error).cause)}`,
    ),
    delay(limitMs, 'not over in time', { signal: late.signal }),
    ...(shape.name === 'provisionFleet' ? [answerOfFleet(handle, limitMs, late.signal)] : []),
  ]).finally(() => late.abort());
  const failure = await failedTask(client, workflowId);
  if (failure !== undefined) report(`${describeShape(shape)}: a workflow task failed: ${failure}`);
  else if (outcome !== 'completed' && outcome !== 'failed' && outcome !== WAITS)
    report(`${describeShape(shape)}: ${outcome}`);
  if (outcome === 'not over in time' || outcome === WAITS) await terminate(client, workflowId);
}

const WAITS = 'waits for an operator';

/** Resolves once a fleet that is not over answers. */
async function answerOfFleet(handle: WorkflowHandle, limitMs: number, signal: AbortSignal): Promise<string> {
  await delay(FLEET_ENDS_WITHIN_MS, undefined, { signal });
  const untilMs = Date.now() + limitMs;
  for (;;) {
    try {
      await handle.query('fleetStatus');
      return WAITS;
    } catch (error) {
      if (Date.now() > untilMs) return `the fleet does not answer: ${String(error)}`;
      await delay(500, undefined, { signal });
    }
  }
}

/** Ends a workflow that may have ended by itself, and the runs of a fleet. */
async function terminate(client: Client, workflowId: string): Promise<void> {
  for (const id of await withRuns(client, workflowId))
    await client.workflow
      .getHandle(id)
      .terminate()
      .catch((error: unknown) => {
        if (!(error instanceof WorkflowNotFoundError)) throw error;
      });
}

/** The ids of a workflow and, if it is a fleet, of its runs. */
async function withRuns(client: Client, workflowId: string): Promise<string[]> {
  const { events } = await patiently(() => client.workflow.getHandle(workflowId).fetchHistory());
  const started = (events ?? []).flatMap(
    ({ childWorkflowExecutionStartedEventAttributes: child }) => child?.workflowExecution?.workflowId ?? [],
  );
  return [workflowId, ...started];
}

/**
 * Failures after which the server delivers the task again, and all is well: an event came while the worker completed the task
 * (UNHANDLED_COMMAND), or more came than the server buffers (FORCE_CLOSE_COMMAND).
 */
const HARMLESS_CAUSES: readonly unknown[] = [1, 17];

/** Why a workflow task of a run, or of a run of a fleet, failed; undefined if none did. */
async function failedTask(client: Client, workflowId: string): Promise<string | undefined> {
  for (const id of await withRuns(client, workflowId)) {
    const failure = await failedTaskOf(client, id);
    if (failure !== undefined) return failure;
  }
  return undefined;
}

async function failedTaskOf(client: Client, workflowId: string): Promise<string | undefined> {
  const { events } = await patiently(() => client.workflow.getHandle(workflowId).fetchHistory());
  for (const { workflowTaskFailedEventAttributes: failed } of events ?? []) {
    const isHarmless =
      HARMLESS_CAUSES.includes(failed?.cause) || failed?.failure?.message === ADVANCED_BY_QUERY;
    if (failed && !isHarmless) return `cause ${failed.cause}: ${failed.failure?.message ?? 'no message'}`;
  }
  return undefined;
}

/** What gets messages. */
interface Recipient {
  /** Returns the id of its workflow. */
  readonly start: () => Promise<string>;
  /** The query that it must answer. */
  readonly query: string;
}

const parkedPlan = {
  steps: [
    { name: PARKED_STEP, script: 'false' },
    { name: 'after', script: 'true', needs: [PARKED_STEP] },
  ],
};

function parkedRun(client: ChandlerClient): Recipient {
  return {
    query: 'status',
    async start() {
      const workflowId = `messages-${randomUUID()}`;
      await patiently(() => client.start({ target: { host: 'h' }, ...parkedPlan }, { workflowId }));
      return workflowId;
    },
  };
}

/** A fleet of one parked host and another that has not started. */
function parkedFleet(client: ChandlerClient): Recipient {
  return {
    query: 'fleetStatus',
    async start() {
      const name = randomUUID();
      const hosts = [`${name}-1`, `${name}-2`];
      await patiently(() => client.fleets.start({ name, plan: parkedPlan, hosts, concurrency: 1 }));
      return fleetWorkflowId(name);
    },
  };
}

/** Sends messages to a parked run or fleet; another one replaces it once a message has ended it. */
class MessageLane {
  readonly #client: Client;
  readonly #recipient: Recipient;
  readonly #limitMs: number;
  readonly #report: (finding: string) => void;
  #workflowId: string | undefined;
  #sent: InputShape[] = [];

  constructor(client: Client, recipient: Recipient, limitMs: number, report: (finding: string) => void) {
    this.#client = client;
    this.#recipient = recipient;
    this.#limitMs = limitMs;
    this.#report = report;
  }

  async play(shape: InputShape): Promise<void> {
    this.#workflowId ??= await this.#recipient.start();
    this.#sent.push(shape);
    try {
      await this.#send(this.#workflowId, shape);
    } catch (error) {
      if (!isRefusal(error)) throw error;
    }
    if (this.#sent.length % CHECK_EVERY === 0 || shape.name === 'abort') await this.#check();
  }

  /** Judges the last run and ends it. */
  async finish(): Promise<void> {
    await this.#check(0);
  }

  async #send(workflowId: string, { kind, name, payloads, extra }: InputShape): Promise<void> {
    const service = this.#client.workflowService;
    const execution = { workflowExecution: { workflowId }, namespace: 'default' };
    const header = { fields: { ...extra } };
    const args = { payloads: payloads.map((payload) => withHostOf(workflowId, payload)) };
    await this.#client.withDeadline(Date.now() + this.#limitMs, async () => {
      if (kind === 'signal')
        await service.signalWorkflowExecution({
          ...execution,
          signalName: name,
          input: args,
          header,
          identity: 'fuzz',
          requestId: randomUUID(),
        });
      else if (kind === 'query')
        await service.queryWorkflow({
          namespace: 'default',
          execution: { workflowId },
          query: { queryType: name, queryArgs: args, header },
        });
      else
        await service.updateWorkflowExecution({
          ...execution,
          // UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_COMPLETED
          // oxlint-disable-next-line typescript/no-unsafe-enum-assignment -- the enum is in a package that only the SDK depends on
          waitPolicy: { lifecycleStage: 3 },
          request: { meta: { updateId: randomUUID(), identity: 'fuzz' }, input: { name, args, header } },
        });
    });
  }

  /** The run must still respond, or be over. */
  async #check(mostMessages = MESSAGES_PER_RUN): Promise<void> {
    const id = this.#workflowId;
    if (id === undefined) return;
    const handle = this.#client.workflow.getHandle(id);
    const untilMs = Date.now() + this.#limitMs;
    let answer = await this.#askStatus(id, untilMs);
    // A query fails while the run's first task is under way.
    const isRunning = async () => (await patiently(() => handle.describe())).status.name === 'RUNNING';
    while (answer !== 'ok' && Date.now() < untilMs && (await isRunning())) {
      await delay(1000);
      answer = await this.#askStatus(id, untilMs);
    }
    const runs = await isRunning();
    if (answer !== 'ok' && runs) this.#blame(`the run does not answer: ${answer}`);
    if (answer === 'ok' && runs && this.#sent.length < mostMessages) return;
    await this.#judge(id);
    await terminate(this.#client, id);
  }

  async #askStatus(id: string, untilMs: number): Promise<string> {
    try {
      await this.#client.withDeadline(untilMs, () =>
        this.#client.workflow.getHandle(id).query(this.#recipient.query),
      );
      return 'ok';
    } catch (error) {
      return `${String(error)}: ${String(Object(error).cause)}`;
    }
  }

  async #judge(id: string): Promise<void> {
    const failure = await failedTask(this.#client, id);
    if (failure !== undefined) this.#blame(`a workflow task failed: ${failure}`);
    this.#workflowId = undefined;
    this.#sent = [];
  }

  #blame(what: string): void {
    this.#report(
      [what, ...this.#sent.slice(-CHECK_EVERY).map((shape) => `  ${describeShape(shape)}`)].join('\n'),
    );
  }
}

/** Names the second host of a fleet in a message to it. */
function withHostOf(workflowId: string, payload: Payload): Payload {
  const data = Buffer.from(payload.data ?? []);
  if (!data.includes(HOST_NAME)) return payload;
  const name = `${workflowId.replace('fleet:', '')}-2`;
  return { ...payload, data: Buffer.from(data.toString().replaceAll(HOST_NAME, name)) };
}

/** Repeats a call that a busy server does not answer in time, since that is not due to the shape. 4: DEADLINE_EXCEEDED, 14: UNAVAILABLE. */
async function patiently<T>(call: () => Promise<T>, tries = TRIES): Promise<T> {
  try {
    return await call();
  } catch (error) {
    const { code, cause } = Object(error) as {
      readonly code?: unknown;
      readonly cause?: { readonly code?: unknown };
    };
    if (tries <= 1 || ![4, 14].includes(Number(code ?? cause?.code))) throw error;
    return patiently(call, tries - 1);
  }
}

/** The server itself refuses unknown workflow types, large requests, and requests to a run that is over. 3: INVALID_ARGUMENT, 5: NOT_FOUND, 8: RESOURCE_EXHAUSTED, 9: FAILED_PRECONDITION. */
function isRefusal(error: unknown): boolean {
  const { code } = Object(error) as { readonly code?: unknown };
  return code === 3 || code === 5 || code === 8 || code === 9;
}
