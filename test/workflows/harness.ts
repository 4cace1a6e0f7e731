import { Context } from '@temporalio/activity';
import { ApplicationFailure, type Client, WorkflowNotFoundError } from '@temporalio/client';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import type { Activities, HostInspection } from '../../src/activities/activity-types.ts';
import { makeGate } from '../../src/client/call-gate.ts';
import { createClient, type ChandlerClient } from '../../src/client.ts';
import { listHosts } from '../../src/domain/fleet/fleet-hosts.ts';
import { fleetWorkflowId } from '../../src/domain/fleet/fleet-id.ts';
import type { FleetInput } from '../../src/domain/fleet/schema.ts';
import type { Plan, WatchInput } from '../../src/domain/plan/schema.ts';
import { withoutTaskLimit } from '../../src/worker.ts';
import { validateFleet } from '../../src/domain/fleet/validate-fleet.ts';
import { validatePlan, validateWatch } from '../../src/domain/plan/validate.ts';
import { workflowBundle } from '../support/built.ts';
import { testCli, testServerPath } from '../support/temporal.ts';

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
/** A host on which Chandler has never been. */
export const sight: HostInspection = {
  facts,
  user: 'root',
  nowMs: 0,
  aheadMs: 0,
  missing: { tools: [], packages: [] },
  state: { exists: false, noexec: false },
  sentinel: { path: '/s/provisioned', found: 'absent' },
  leftovers: [],
  openSessions: [],
  launches: [],
  zmx: { kind: 'there', path: '/zmx', version: '0.7.0' },
  zmxReady: [],
};
export const started = { startedMsAgo: 0 } as const;
export const ended = { exitCode: 0, elapsedMs: 1, logBytes: 0 } as const;
export const step = (name: string, more: object = {}) => ({ name, script: 'true', ...more });
export const failed = (exitCode: number) =>
  ApplicationFailure.create({
    type: 'step-failed',
    nonRetryable: true,
    message: `exit ${exitCode}`,
    details: [{ exitCode }],
  });

type Ask = (input: unknown) => Promise<unknown>;

/** Activities of a host on which everything works, and a record of what was asked. */
export function fakeActivities(changes: Partial<Activities> = {}): {
  asked: string[];
  activities: Activities;
} {
  const asked: string[] = [];
  const works: Activities = {
    admitPlan: async (plan) => ({ problems: validatePlan(plan).problems ?? [], searchAttributes: [] }),
    admitWatch: async (input) => ({ problems: validateWatch(input).problems ?? [], searchAttributes: [] }),
    checkInput: async (input) =>
      ('plan' in input ? validatePlan(input.plan) : validateWatch(input)).problems ?? [],
    prepareHost: async ({ sentinelPath = '/s/provisioned' }) => ({
      facts,
      pruned: 0,
      sentinelPath,
      lease: 'l',
      ended: [],
    }),
    awaitBootstrap: async () => ({}),
    installZmx: async () => ({ path: '/zmx', version: '0.7.0', source: 'tmux' }),
    runStep: async () => started,
    inspectLaunch: async () => ({ kind: 'running', logBytes: 0 }),
    waitStep: async () => ended,
    finalizeStep: async () => ended,
    verifySentinel: async () => ({ released: false }),
    killStep: async () => ({ found: 1, left: 0 }),
    readLog: async () => ({ text: '', nextOffset: 0, size: 0, complete: true }),
    releaseHost: async () => undefined,
    probeHost: async () => facts,
    surveyLaunches: async () => [],
    followScript: async () => ({ sentinelPath: '/s/provisioned', parts: [], seen: '1' }),
    readScriptPlan: async () => ({ steps: [] }),
    stopScript: async () => undefined,
    sendNotification: async () => undefined,
    inspectWorker: async () => ({ identity: 'w', version: '1', aheadMs: 0, findings: [], lacks: [] }),
    inspectHost: async () => sight,
    checkStep: async () => ({ code: 0 }),
    cleanHost: async () => ({ ended: [], closed: [], open: [] }),
    admitFleet: async (input) => ({ problems: validateFleet(input).problems ?? [], searchAttributes: [] }),
    surveyRuns: async ({ workflowIds }) => workflowIds.map((workflowId) => ({ workflowId, state: 'none' })),
    signalRuns: async () => undefined,
  };
  const activities = Object.fromEntries(
    Object.entries({ ...works, ...changes }).map(([name, activity]) => [
      name,
      async (input: { launch?: { step: string; attempt: number } }) => {
        asked.push(input.launch ? `${name} ${input.launch.step} ${input.launch.attempt}` : name);
        return (activity as Ask)(input);
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

/** A Temporal server, and the workflows on it. */
export interface Harness {
  /** With `skipsTime` that of the latest run, or of the first one before it begins. */
  readonly env: TestWorkflowEnvironment;
  /** Of the runs that it starts. */
  readonly taskQueue: string;
  /** Starts a run of the steps; it is ended after `act` at the latest. */
  run(
    activities: Activities,
    steps: Plan['steps'],
    options: Partial<Plan>,
    act: (client: ChandlerClient, id: string) => Promise<void>,
  ): Promise<void>;
  /** Starts a fleet. Its hosts have names of their own, because the runs of hosts share the server. */
  fleet(
    activities: Activities,
    input: FleetInput,
    act: (client: ChandlerClient, name: string) => Promise<void>,
  ): Promise<void>;
  /** Starts a watch, as {@link Harness.run} starts a run. */
  watch(
    activities: Activities,
    input: Partial<WatchInput>,
    act: (client: ChandlerClient, id: string) => Promise<void>,
  ): Promise<void>;
  stop(): Promise<void>;
}

const taskQueue = 'harness';
let isQuiet = false;

/** Test files share a process, which takes this once. */
function quiet(): void {
  if (!isQuiet) Runtime.install({ logger: new DefaultLogger('ERROR') });
  isQuiet = true;
}

export interface HarnessOptions {
  /** The server suggests a fresh history after so many events. */
  readonly suggestContinueAsNewAt?: number;
  /**
   * On a server on which time passes as fast as nobody works. It is not Temporal's server, and gets two things wrong that hang a
   * test: it stops to skip time, for all workflows, once one has ended while an activity was under way; and it never goes on
   * with a workflow that cancels an activity or a timer that has ended in the same moment. So each run has one of its own, and
   * only tests that need hours to pass are run on it.
   */
  readonly skipsTime?: boolean;
}

export async function startHarness(options: HarnessOptions = {}): Promise<Harness> {
  quiet();
  const start = async () => new Served(await startEnvironment(options));
  let served = await start();
  const ended: Promise<void>[] = [];
  let count = 0;
  const work = async (
    activities: Activities,
    begin: (client: ChandlerClient, workflowId: string) => Promise<unknown>,
    act: (client: ChandlerClient, id: string) => Promise<void>,
  ) => {
    if (count > 0 && options.skipsTime === true) {
      ended.push(served.stop());
      served = await start();
    }
    const workflowId = `workflow-${(count += 1)}`;
    const client = await served.serve(workflowId, activities);
    await begin(client, workflowId);
    try {
      await act(client, workflowId);
    } finally {
      await endRun(client.temporal, workflowId);
    }
  };
  const target = { host: 'h' };
  return {
    get env() {
      return served.env;
    },
    taskQueue,
    run: (activities, steps, options, act) =>
      work(
        activities,
        (client, workflowId) => client.start({ target, steps, ...options }, { workflowId }),
        act,
      ),
    fleet: async (activities, input, act) => {
      const client = await served.serve(fleetWorkflowId(input.name), activities);
      await client.fleets.start(input);
      try {
        await act(client, input.name);
      } finally {
        await endRun(client.temporal, fleetWorkflowId(input.name));
        for (const host of listHosts(input)) await endRun(client.temporal, `provision:${host.name}:22`);
      }
    },
    watch: (activities, input, act) =>
      work(activities, (client, workflowId) => client.watch({ target, ...input }, { workflowId }), act),
    async stop() {
      await Promise.all([...ended, served.stop()]);
    },
  };
}

/** A server and the worker of its runs: to start one takes longer than most of them. */
class Served {
  readonly env: TestWorkflowEnvironment;
  readonly #gate = makeGate();
  readonly #hosts = new Hosts();
  #worker?: Worker;
  #working?: Promise<void>;

  constructor(env: TestWorkflowEnvironment) {
    this.env = env;
    // The environment takes no interceptors, but its connection reads this list at each request.
    env.connection.options.interceptors.push(this.#gate.interceptor);
  }

  /** Returns a client whose run of this id has these activities. */
  async serve(workflowId: string, activities: Activities): Promise<ChandlerClient> {
    this.#hosts.add(workflowId, activities);
    this.#worker ??= await Worker.create({
      connection: this.env.nativeConnection,
      taskQueue,
      workflowBundle,
      activities: this.#hosts.activities(),
      maxHeartbeatThrottleInterval: 100,
      // Workflows run in this thread, which compiles them once: a thread of each worker takes longer to start than most tests.
      debugMode: true,
      ...withoutTaskLimit,
    });
    this.#working ??= this.#worker.run();
    return createClient(this.env.client, taskQueue, async () => undefined);
  }

  async stop(): Promise<void> {
    this.#worker?.shutdown();
    await this.#working;
    this.#gate.shut();
    await this.env.teardown();
  }
}

/** What runs ask of their hosts goes to the activities that each was started with. */
class Hosts {
  readonly #activities = new Map<string, Activities>();
  #latest?: Activities;

  add(workflowId: string, activities: Activities): void {
    this.#activities.set(workflowId, activities);
    this.#latest = activities;
  }
  /** For the worker. */
  activities(): Activities {
    const names = Object.keys(fakeActivities().activities) as (keyof Activities)[];
    const asked = names.map((name) => [
      name,
      (input: unknown) =>
        (this.#of(Context.current().info.workflowExecution?.workflowId)[name] as Ask)(input),
    ]);
    return Object.fromEntries(asked) as Activities;
  }
  /** What is not a run itself (a log that is read) is about the one that is under way. */
  #of(workflowId = ''): Activities {
    const activities = this.#activities.get(workflowId) ?? this.#latest;
    if (!activities) throw new Error(`${workflowId} is of no harness`);
    return activities;
  }
}

/** A run that is still open would disturb the next test. */
async function endRun(client: Client, workflowId: string): Promise<void> {
  try {
    await client.workflow.getHandle(workflowId).terminate();
  } catch (error) {
    // Over already.
    if (!(error instanceof WorkflowNotFoundError)) throw error;
  }
}

async function startEnvironment(options: HarnessOptions): Promise<TestWorkflowEnvironment> {
  if (options.skipsTime === true) {
    const executable = { type: 'existing-path', path: await testServerPath() } as const;
    return TestWorkflowEnvironment.createTimeSkipping({ server: { executable } });
  }
  const { suggestContinueAsNewAt: suggestAt } = options;
  const { path } = await testCli();
  return TestWorkflowEnvironment.createLocal({
    server: {
      executable: { type: 'existing-path', path },
      extraArgs: [
        ...(suggestAt === undefined ? [] : [`limit.historyCount.suggestContinueAsNew=${suggestAt}`]),
        'history.transferProcessorMaxPollRPS=1000',
      ].flatMap((value) => ['--dynamic-config-value', value]),
    },
  });
}

/** What a run has done is done again by whoever takes it up from its history. */
export async function replay(client: ChandlerClient, id: string): Promise<void> {
  const history = await client.temporal.workflow.getHandle(id).fetchHistory();
  await Worker.runReplayHistory({ workflowBundle }, history, id);
}
