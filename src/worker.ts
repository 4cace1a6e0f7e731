import { existsSync } from 'node:fs';
import { hostname } from 'node:os';
import { fileURLToPath } from 'node:url';
import { Client, WorkflowNotFoundError } from '@temporalio/client';
import {
  DefaultLogger,
  NativeConnection,
  Runtime,
  Worker,
  type LogLevel,
  type WorkerDeploymentOptions,
  type WorkerOptions,
  type WorkflowBundleOption,
} from '@temporalio/worker';
import type { Logger } from 'pino';
import { createActivities, memoryUsage, WaitSlots, type LeaseHolder } from './activities/index.ts';
import { bundleWorkflows } from './bundle-workflows.ts';
import { signalRun, surveyRun } from './client/run-surveys.ts';
import type { NotifyConfig, WorkerConfig, WorkerVersioning } from './config/config.ts';
import { inspectPlaces } from './inspect/inspect-places.ts';
import { readWorkerFile, readZmxFile, resolveSecrets, resolveTarget } from './config/places.ts';
import { rememberFiles } from './config/read-regular-file.ts';
import { readManifest, workerIdentity } from './config/version.ts';
import { isOpenStatus } from './domain/run/execution-status.ts';
import { notificationChannels, type NotifySettings } from './domain/run/notification.ts';
import { indexedValueTypes, searchAttributes, type SearchAttribute } from './domain/run/search-attributes.ts';
import { timing } from './domain/run/timing.ts';
import { loadPrograms } from './host/programs.ts';
import { createNotify } from './notify/create-notify.ts';
import { createSshPool, type SshPool } from './ssh/index.ts';

export interface RunningWorker {
  /** Resolves when the worker has stopped; rejects if it died. */
  readonly done: Promise<void>;
  /**
   * Stops accepting work, lets other workers take over the waits, and closes connections. Ends in bounded time even if the server
   * does not answer.
   */
  stop(): void;
}

/**
 * Disables the SDK's limit for the duration of a workflow task, through an undocumented option. The default of 5 s of wall clock
 * also passes while a worker is suspended, and Node crashes when the SDK then ends the task by force (node#43135: "async hook
 * stack has become corrupted"). Chandler's tasks take milliseconds.
 */
export const withoutTaskLimit: object = { isolateExecutionTimeout: '1 day' };

/** Sends the SDK's logs to our logger. Once per process. */
export function installRuntime(logger: Logger): void {
  const level = logger.level === 'silent' ? 'error' : logger.level;
  Runtime.install({
    // The entry point handles signals.
    shutdownSignals: [],
    logger: new DefaultLogger(level.toUpperCase() as LogLevel, ({ level, message, meta }) => {
      logger[level.toLowerCase() as 'info']({ ...meta }, message);
    }),
  });
}

/**
 * Starts a worker. It keeps no state that must not be lost.
 *
 * @throws Error (from the SDK) when the server does not answer
 */
export async function startWorker(
  config: WorkerConfig,
  address: string,
  logger: Logger,
): Promise<RunningWorker> {
  const connection = await NativeConnection.connect({ ...config.temporal.credentials, address });
  const client = new Client({ connection, namespace: config.temporal.namespace });
  const pool = createSshPool();
  const { version } = readManifest();
  const identity = workerIdentity(version, process.pid, hostname());
  const worker = await Worker.create({
    connection,
    identity,
    namespace: config.temporal.namespace,
    taskQueue: config.temporal.taskQueue,
    workflowBundle: await workflowBundle(),
    activities: createActivities(
      activityDeps(config, { connection, client, pool, identity, version, logger }),
    ),
    shutdownGraceTime: config.shutdownGraceMs,
    ...(config.versioning && { workerDeploymentOptions: toDeploymentOptions(config.versioning) }),
    stickyQueueScheduleToStartTimeout: timing.stickyTimeoutMs,
    // An activity learns of its cancellation from the answer to a heartbeat, so no heartbeat may be throttled.
    maxHeartbeatThrottleInterval: timing.heartbeatEveryMs,
    ...withoutTaskLimit,
    // Five of each kind, because a queue has four partitions by default, and a task in a partition without a poller may wait
    // long.
    maxConcurrentWorkflowTaskPolls: 10,
    nonStickyToStickyPollRatio: 0.5,
    maxCachedWorkflows: MAX_CACHED_RUNS,
    ...taskSlots(config.slots),
  });
  logger.info({ address, taskQueue: config.temporal.taskQueue }, 'worker started');
  const patience = new AbortController();
  const run = async () => {
    try {
      await Promise.race([worker.run(), rejected(patience.signal)]);
    } catch (error) {
      if (!patience.signal.aborted) throw error;
      // The SDK holds the connection; it closes when the process ends.
      logger.warn('the server did not confirm the shutdown in time; the worker stops anyway');
    } finally {
      await pool.close();
      if (!patience.signal.aborted) await connection.close();
    }
  };
  return {
    done: run(),
    stop() {
      worker.shutdown();
      setTimeout(() => patience.abort(), config.shutdownGraceMs + timing.shutdownPatienceMs).unref();
    },
  };
}

/** What the activities of a worker get from it. */
function activityDeps(
  { places, slots, zmx, notify, uiUrl, temporal: { namespace } }: WorkerConfig,
  worker: {
    readonly connection: NativeConnection;
    readonly client: Client;
    readonly pool: SshPool;
    readonly identity: string;
    readonly version: string;
    readonly logger: Logger;
  },
): Parameters<typeof createActivities>[0] {
  const { connection, client, pool, identity, version, logger } = worker;
  const namespaceId = askNamespaceId(connection, namespace);
  const hasRoom = () => slots.by === 'number' || memoryUsage() < MEMORY.waits;
  const waits = new WaitSlots(slots, hasRoom);
  // Each activity asks for the same few keys.
  const readKey = rememberFiles();
  return {
    programs: loadPrograms(),
    executorFor: (target) => pool.executor(target),
    resolveTarget: (target) => resolveTarget(target, places, readKey),
    resolveSecrets: (references) => resolveSecrets(references, places, process.env),
    readFile: (name) => readWorkerFile(name, places),
    zmx: { defaults: zmx, urls: places.zmxUrls, readFile: (name) => readZmxFile(name, places) },
    knownSearchAttributes: () => knownSearchAttributes(connection, namespace, logger),
    notifySettings: notifySettings(notify),
    notify: createNotify(notify, uiUrl, process.env),
    namespaceId,
    isOpen: async (holder) => isOpen(client, holder, await namespaceId()),
    surveyRun: (workflowId) => surveyRun(client, workflowId),
    signalRun: (run, signal, input) => signalRun(client, run, signal, input),
    waits,
    inspectSelf: async () => ({
      identity,
      version,
      findings: [...(await inspectPlaces(places, process.env)), waits.inspect()],
    }),
  };
}

/**
 * A run in the cache takes 0.2 MB. One that just waits need not be there: when its step ends, it is replayed, which takes about 30 ms
 * of CPU. Enough for all runs to which something happens at the same time.
 */
const MAX_CACHED_RUNS = 250;

function rejected(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));
}

/** With CHANDLER_SLOTS=resources: the memory use, from 0 to 1, above which a worker accepts no more waits, and nothing at all. */
const MEMORY = { waits: 0.7, all: 0.8 } as const;
const CPU = 0.9;

/**
 * Slots for waits and short activities together. WaitSlots limits the waits, so slots for short activities stay free. The tuner
 * may lower the total to the number for short activities.
 */
function taskSlots({
  waits,
  shortActivities,
  by,
}: WorkerConfig['slots']): Pick<WorkerOptions, 'tuner' | 'maxConcurrentActivityTaskExecutions'> {
  const numSlots = waits + shortActivities;
  if (by === 'number') return { maxConcurrentActivityTaskExecutions: numSlots };
  const tunerOptions = { targetMemoryUsage: MEMORY.all, targetCpuUsage: CPU };
  return {
    tuner: {
      workflowTaskSlotSupplier: { type: 'fixed-size', numSlots: 40 },
      activityTaskSlotSupplier: {
        type: 'resource-based',
        tunerOptions,
        minimumSlots: shortActivities,
        maximumSlots: numSlots,
      },
      localActivityTaskSlotSupplier: { type: 'fixed-size', numSlots: 100 },
      nexusTaskSlotSupplier: { type: 'fixed-size', numSlots: 1 },
    },
  };
}

function toDeploymentOptions({
  deploymentName,
  buildId,
  behavior,
}: WorkerVersioning): WorkerDeploymentOptions {
  return {
    version: { deploymentName, buildId },
    useWorkerVersioning: true,
    defaultVersioningBehavior: behavior,
  };
}

/** The workflows: bundled by the build, or now when running from source. */
async function workflowBundle(): Promise<WorkflowBundleOption> {
  const codePath = fileURLToPath(new URL('./workflow-bundle.js', import.meta.url));
  if (existsSync(codePath)) return { codePath };
  return bundleWorkflows();
}

/**
 * Read for each run, because an operator may add attributes while the worker runs. If the server does not report them (Temporal
 * Cloud), runs go without: the attributes are a convenience.
 */
async function knownSearchAttributes(
  connection: NativeConnection,
  namespace: string,
  logger: Logger,
): Promise<SearchAttribute[]> {
  try {
    const known = await connection.operatorService.listSearchAttributes({ namespace });
    const names = Object.keys(searchAttributes) as SearchAttribute[];
    return names.filter(
      (name) => Number(known.customAttributes?.[name]) === indexedValueTypes[searchAttributes[name]],
    );
  } catch (error) {
    logger.warn({ err: error }, 'cannot ask for search attributes; this run sets none');
    return [];
  }
}

function notifySettings({ events, ...destinations }: NotifyConfig): NotifySettings | undefined {
  const channels = notificationChannels.filter((channel) => destinations[channel] !== undefined);
  return channels.length === 0 || events.length === 0 ? undefined : { events, channels };
}

/** Asks for the id once; asks again only after a failure. */
function askNamespaceId(connection: NativeConnection, namespace: string): () => Promise<string> {
  let known: string | undefined;
  return async () => {
    known ??= (await connection.workflowService.describeNamespace({ namespace })).namespaceInfo?.id ?? '';
    return known;
  };
}

/**
 * Whether the holder's workflow is open. One of another namespace, or another server, cannot be queried from here and counts as
 * open.
 */
async function isOpen(client: Client, holder: LeaseHolder, namespaceId: string): Promise<boolean> {
  if (holder.namespaceId !== namespaceId) return true;
  try {
    const { status, raw } = await client.workflow.getHandle(holder.workflowId).describe();
    return isOpenStatus(status.name) && raw.workflowExecutionInfo?.firstRunId === holder.firstRunId;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}
