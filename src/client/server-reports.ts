import type { Client, Connection } from '@temporalio/client';
import { RUN_EXECUTIONS } from './list-runs.ts';
import type { Deployment, Poller, ServerReports } from './types.ts';

type QueueType = NonNullable<
  Parameters<Connection['workflowService']['describeTaskQueue']>[0]['taskQueueType']
>;
/** temporal.api.enums.v1.TaskQueueType */
// oxlint-disable-next-line typescript/no-unsafe-enum-assignment -- the SDK exports no values of it
const QUEUE = { workflow: 1 as QueueType, activity: 2 as QueueType };

/** gRPC NOT_FOUND (https://grpc.io/docs/guides/status-codes/). */
const NOT_FOUND = 5;

export function createServerReports(temporal: Client, taskQueue: string): ServerReports {
  const { namespace } = temporal.options;
  const service = temporal.workflowService;
  // Only a connection of the SDK has this service.
  const operator = () => (temporal.connection as Connection).operatorService;
  const pollersOf = async (taskQueueType: QueueType): Promise<Map<string, Poller['build']>> => {
    const { pollers } = await service.describeTaskQueue({
      namespace,
      taskQueue: { name: taskQueue },
      taskQueueType,
    });
    return new Map(
      pollers.map(({ identity, deploymentOptions }) => {
        const { deploymentName, buildId } = deploymentOptions ?? {};
        return [
          identity ?? '',
          deploymentName && buildId ? { deployment: deploymentName, id: buildId } : undefined,
        ];
      }),
    );
  };
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
    async pollers() {
      const [workflows, activities] = await Promise.all([
        pollersOf(QUEUE.workflow),
        pollersOf(QUEUE.activity),
      ]);
      const identities = [...new Set([...workflows.keys(), ...activities.keys()])].sort();
      return identities.map((identity) => {
        const build = workflows.get(identity) ?? activities.get(identity);
        return {
          identity,
          workflows: workflows.has(identity),
          activities: activities.has(identity),
          ...(build && { build }),
        };
      });
    },
    async deployment(name): Promise<Deployment> {
      const { workerDeploymentInfo } = await service.describeWorkerDeployment({
        namespace,
        deploymentName: name,
      });
      const current = workerDeploymentInfo?.routingConfig?.currentDeploymentVersion?.buildId;
      return { name, ...(current && { current }) };
    },
    async newestMemo() {
      const { executions } = await service.listWorkflowExecutions({
        namespace,
        pageSize: 1,
        query: RUN_EXECUTIONS,
      });
      const workflowId = executions[0]?.execution?.workflowId;
      if (!workflowId) return undefined;
      const payloads = Object.values(executions[0]?.memo?.fields ?? {});
      const encodings = payloads.map(({ metadata }) =>
        Buffer.from(metadata?.['encoding'] ?? []).toString('utf8'),
      );
      return { workflowId, encodings };
    },
  };
}
