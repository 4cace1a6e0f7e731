import type { Client, Connection } from '@temporalio/client';
import { RUN_EXECUTIONS } from './list-runs.ts';
import { definedOnly } from '../domain/defined-only.ts';
import type { Deployment, Poller, ServerReports } from './server-types.ts';

type QueueType = NonNullable<
  Parameters<Connection['workflowService']['describeTaskQueue']>[0]['taskQueueType']
>;
/** temporal.api.enums.v1.TaskQueueType */
// oxlint-disable-next-line typescript/no-unsafe-enum-assignment -- the SDK exports no values of it
export const QUEUE = { workflow: 1 as QueueType, activity: 2 as QueueType };

/** gRPC NOT_FOUND (https://grpc.io/docs/guides/status-codes/). */
const NOT_FOUND = 5;

export function createServerReports(temporal: Client, taskQueue: string): ServerReports {
  const { namespace } = temporal.options;
  const service = temporal.workflowService;
  // Only a connection of the SDK has this service.
  const operator = () => (temporal.connection as Connection).operatorService;
  return {
    version: async () => (await service.getSystemInfo({})).serverVersion,
    async retentionMs() {
      try {
        const { config } = await service.describeNamespace({ namespace });
        return Number(config?.workflowExecutionRetentionTtl?.seconds ?? 0) * 1000;
      } catch (error) {
        if ((error as { code?: unknown }).code === NOT_FOUND) return undefined;
        throw error;
      }
    },
    searchAttributes: async () => (await operator().listSearchAttributes({ namespace })).customAttributes,
    async addSearchAttributes(types) {
      await operator().addSearchAttributes({ namespace, searchAttributes: { ...types } });
    },
    pollers: () => listPollers(temporal, taskQueue),
    async deployment(name): Promise<Deployment> {
      const asked = { namespace, deploymentName: name };
      const { workerDeploymentInfo } = await service.describeWorkerDeployment(asked);
      const current = workerDeploymentInfo?.routingConfig?.currentDeploymentVersion?.buildId;
      return { name, ...(current && { current }) };
    },
    async newestMemo() {
      const asked = { namespace, pageSize: 1, query: RUN_EXECUTIONS };
      const [newest] = (await service.listWorkflowExecutions(asked)).executions;
      const workflowId = newest?.execution?.workflowId;
      if (!workflowId) return undefined;
      const encodings = Object.values(newest.memo?.fields ?? {}).map(({ metadata }) =>
        Buffer.from(metadata?.['encoding'] ?? []).toString('utf8'),
      );
      return { workflowId, encodings };
    },
  };
}

async function listPollers(temporal: Client, taskQueue: string): Promise<Poller[]> {
  const [workflows, activities] = await Promise.all([
    pollersOf(temporal, taskQueue, QUEUE.workflow),
    pollersOf(temporal, taskQueue, QUEUE.activity),
  ]);
  const identities = [...new Set([...workflows.keys(), ...activities.keys()])].sort();
  return identities.map((identity) =>
    definedOnly({
      identity,
      workflows: workflows.has(identity),
      activities: activities.has(identity),
      build: workflows.get(identity) ?? activities.get(identity),
    }),
  );
}

/** The build of each worker that polls one kind of task. */
export async function pollersOf(
  {
    options: { namespace },
    workflowService,
  }: Pick<Client, 'workflowService'> & { readonly options: { readonly namespace: string } },
  taskQueue: string,
  taskQueueType: QueueType,
): Promise<Map<string, Poller['build']>> {
  const asked = { namespace, taskQueue: { name: taskQueue }, taskQueueType };
  const { pollers } = await workflowService.describeTaskQueue(asked);
  return new Map(
    pollers.map(({ identity, deploymentOptions }) => {
      const { deploymentName, buildId } = deploymentOptions ?? {};
      const build = deploymentName && buildId ? { deployment: deploymentName, id: buildId } : undefined;
      return [identity ?? '', build];
    }),
  );
}
