import { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/client';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import type { Activities } from '../../src/activities/types.ts';
import { createClient, type ChandlerClient } from '../../src/client.ts';
import { defaultCacheDir, findTemporalCli } from '../../src/dev/temporal/index.ts';
import type { Plan, WatchInput } from '../../src/domain/schema.ts';
import { validatePlan, validateWatch } from '../../src/domain/validate.ts';
import { workflowBundle } from '../support/built.ts';
import { testServerPath } from '../support/temporal.ts';

/** What prepareHost finds out about the fake host. */
export const facts = {
  arch: 'x86_64',
  os: 'test',
  uid: 0,
  bootId: 'b',
  stateDir: '/s',
  zmxDir: '/z',
  tools: [],
};
export const ended = { exitCode: 0, elapsedMs: 1, logBytes: 0 } as const;
export const step = (name: string, more: object = {}) => ({ name, script: 'true', ...more });
export const failed = (exitCode: number) =>
  ApplicationFailure.create({
    type: 'step-failed',
    nonRetryable: true,
    message: `exit ${exitCode}`,
    details: [{ exitCode }],
  });

/** Activities of a host on which everything works, and a record of what was asked. */
export function fakeActivities(changes: Partial<Activities> = {}): {
  asked: string[];
  activities: Activities;
} {
  const asked: string[] = [];
  const works: Activities = {
    admitPlan: async (plan) => ({ problems: validatePlan(plan).problems ?? [], searchAttributes: false }),
    admitWatch: async (input) => ({ problems: validateWatch(input).problems ?? [], searchAttributes: false }),
    prepareHost: async ({ sentinelPath = '/s/provisioned' }) => ({ facts, pruned: 0, sentinelPath }),
    awaitBootstrap: async () => undefined,
    installZmx: async () => ({ path: '/zmx', version: '0.7.0', source: 'tmux' }),
    runStep: async () => 'started',
    waitStep: async () => ended,
    finalizeStep: async () => ended,
    verifySentinel: async () => undefined,
    killStep: async () => ({ found: 1, left: 0 }),
    readLog: async () => ({ text: '', nextOffset: 0, size: 0, complete: true }),
    releaseHost: async () => undefined,
    probeHost: async () => facts,
    surveyLaunches: async () => [],
    followScript: async () => ({ sentinelPath: '/s/provisioned', parts: [], seen: '1' }),
    readScriptPlan: async () => ({ steps: [] }),
    stopScript: async () => undefined,
    sendNotification: async () => undefined,
  };
  const activities = Object.fromEntries(
    Object.entries({ ...works, ...changes }).map(([name, activity]) => [
      name,
      async (input: { launch?: { step: string; generation: number } }) => {
        asked.push(input.launch ? `${name} ${input.launch.step} ${input.launch.generation}` : name);
        return (activity as (input: unknown) => Promise<unknown>)(input);
      },
    ]),
  ) as unknown as Activities;
  return { asked, activities };
}

/** What the UI shows as the current details of a run. */
export async function currentDetails({ temporal }: ChandlerClient, id: string): Promise<string> {
  const ask = temporal.workflow
    .getHandle(id)
    .query<{ currentDetails?: string }>('__temporal_workflow_metadata');
  return (await ask).currentDetails ?? '';
}

/** Waits for what is under way, beating as our activities do. */
export async function beating<T>(work: Promise<T>): Promise<T> {
  const context = Context.current();
  const timer = setInterval(() => context.heartbeat(), 20);
  return work.finally(() => clearInterval(timer));
}

/** Waits until it is cancelled. */
export async function untilCancelled(): Promise<never> {
  return beating(Context.current().cancelled);
}

/** A server on which time passes as fast as nobody works, and the workflows on it. */
export interface Harness {
  readonly env: TestWorkflowEnvironment;
  /** Starts a run of the steps and a worker for it; the worker lives as long as `act` takes. */
  run(
    activities: Activities,
    steps: Plan['steps'],
    options: Partial<Plan>,
    act: (client: ChandlerClient, id: string) => Promise<void>,
  ): Promise<void>;
  /** Starts a watch, as {@link Harness.run} starts a run. */
  watch(
    activities: Activities,
    input: Partial<WatchInput>,
    act: (client: ChandlerClient, id: string) => Promise<void>,
  ): Promise<void>;
  stop(): Promise<void>;
}

/** With `suggestContinueAsNewAt` on a real dev server, which suggests a fresh history after so many events. */
export async function startHarness(options: { suggestContinueAsNewAt?: number } = {}): Promise<Harness> {
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  const env = await startEnvironment(options.suggestContinueAsNewAt);
  let count = 0;
  const work = async (
    activities: Activities,
    begin: (client: ChandlerClient, workflowId: string) => Promise<unknown>,
    act: (client: ChandlerClient, id: string) => Promise<void>,
  ) => {
    const taskQueue = `workflow-${(count += 1)}`;
    const worker = await Worker.create({
      connection: env.nativeConnection,
      taskQueue,
      workflowBundle,
      activities,
      maxHeartbeatThrottleInterval: 100,
    });
    await worker.runUntil(async () => {
      const client = createClient(env.client, taskQueue, async () => undefined);
      await begin(client, taskQueue);
      await act(client, taskQueue);
    });
  };
  const target = { host: 'h' };
  return {
    env,
    run: (activities, steps, options, act) =>
      work(
        activities,
        (client, workflowId) => client.start({ target, steps, ...options }, { workflowId }),
        act,
      ),
    watch: (activities, input, act) =>
      work(activities, (client, workflowId) => client.watch({ target, ...input }, { workflowId }), act),
    stop: () => env.teardown(),
  };
}

async function startEnvironment(suggestContinueAsNewAt?: number): Promise<TestWorkflowEnvironment> {
  if (suggestContinueAsNewAt === undefined) {
    const executable = { type: 'existing-path', path: await testServerPath() } as const;
    return TestWorkflowEnvironment.createTimeSkipping({ server: { executable } });
  }
  const { env } = process;
  const { path } = await findTemporalCli({ env, cacheDir: defaultCacheDir(env), announce() {} });
  return TestWorkflowEnvironment.createLocal({
    server: {
      executable: { type: 'existing-path', path },
      extraArgs: [
        `limit.historyCount.suggestContinueAsNew=${suggestContinueAsNewAt}`,
        'history.transferProcessorMaxPollRPS=1000',
      ].flatMap((value) => ['--dynamic-config-value', value]),
    },
  });
}
