import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { poll } from '../support/poll.ts';
import { startStack, type Stack } from '../support/stack.ts';
import { testCli } from '../support/temporal.ts';

const exec = promisify(execFile);

const deploymentName = 'chandler-test';
type Service = Stack['client']['temporal']['workflowService'];
type QueueType = NonNullable<Parameters<Service['describeTaskQueue']>[0]['taskQueueType']>;
/** temporal.api.enums.v1.TaskQueueType: workflow and activity. */
// oxlint-disable-next-line typescript/no-unsafe-enum-assignment -- the SDK exports no values of it
const QUEUES = [1 as QueueType, 2 as QueueType];

describe('two builds side by side', () => {
  let stack: Stack;
  beforeAll(async () => (stack = await startStack({ workers: 0 })));
  afterAll(() => stack?.stop());

  const startBuild = (buildId: string, behavior = 'PINNED') =>
    stack.startWorker({
      CHANDLER_DEPLOYMENT_NAME: deploymentName,
      CHANDLER_BUILD_ID: buildId,
      CHANDLER_VERSIONING_BEHAVIOR: behavior,
    });
  /** Sends new runs to a build. The server registers workers and applies changes to queues with a delay. */
  const makeCurrent = async (buildId: string) => {
    const server = stack.client.temporal.workflowService;
    const deployment = { namespace: 'default', deploymentName };
    // The change may stay unfinished if a queue is registered meanwhile.
    await poll(
      () =>
        server
          .describeWorkerDeploymentVersion({
            namespace: 'default',
            deploymentVersion: { deploymentName, buildId },
          })
          .then(
            ({ workerDeploymentVersionInfo }) =>
              new Set((workerDeploymentVersionInfo?.taskQueueInfos ?? []).map(({ type }) => type)).size >= 2,
            () => false,
          ),
      `the server knows the queues of build ${buildId}`,
    );
    await poll(
      () =>
        server.setWorkerDeploymentCurrentVersion({ ...deployment, buildId }).then(
          () => true,
          () => false,
        ),
      `build ${buildId} is current`,
    );
    // Checks each queue, since the change itself may stay unfinished.
    const isRouted = async (taskQueueType: QueueType) => {
      const taskQueue = { name: stack.taskQueue };
      const { versioningInfo } = await server.describeTaskQueue({
        namespace: 'default',
        taskQueue,
        taskQueueType,
      });
      return versioningInfo?.currentDeploymentVersion?.buildId === buildId;
    };
    await poll(
      async () => (await Promise.all(QUEUES.map(isRouted))).every(Boolean),
      `both queues know that build ${buildId} is current`,
    );
  };
  const startWaiting = async (name: string) => {
    const script = `until test -e /root/${name}; do sleep 0.1; done`;
    const id = await stack.start({ steps: [{ name, script }], sentinel: { whenPresent: 'ignore' } });
    await stack.until(id, ({ steps }) => steps[0]?.state === 'running', `${name} runs`);
    return id;
  };
  /** Lets the step end. Returns the builds that executed the run. */
  const buildsOf = async (id: string, name: string) => {
    await stack.onHost(`touch /root/${name}`);
    expect((await stack.client.result(id)).outcome).toBe('provisioned');
    const { events } = await stack.client.temporal.workflow.getHandle(id).fetchHistory();
    const builds = (events ?? []).flatMap(
      (event) => event.workflowTaskCompletedEventAttributes?.deploymentVersion?.buildId ?? [],
    );
    return [...new Set(builds)];
  };

  it('end each pinned run on the build it started with, while new runs start on the current one', async () => {
    await startBuild('1');
    await makeCurrent('1');
    const old = await startWaiting('old');
    await startBuild('2');
    await makeCurrent('2');
    expect(await buildsOf(old, 'old')).toEqual(['1']);
    expect(await buildsOf(await startWaiting('new'), 'new')).toEqual(['2']);
  });

  it('continue a pinned run on the build that `temporal workflow update-options` names', async () => {
    const id = await startWaiting('moved');
    const options = [
      '--versioning-override-deployment-name',
      deploymentName,
      '--versioning-override-build-id',
      '1',
    ];
    const pin = ['--versioning-override-behavior', 'pinned', ...options, '--address', stack.address];
    await exec((await testCli()).path, ['workflow', 'update-options', '-w', id, ...pin]);
    expect(await buildsOf(id, 'moved')).toEqual(['2', '1']);
  });

  it('hand over a run with auto-upgrade, even from a worker that is gone', async () => {
    const three = await startBuild('3', 'AUTO_UPGRADE');
    await makeCurrent('3');
    const id = await startWaiting('handed');
    await startBuild('4', 'AUTO_UPGRADE');
    await makeCurrent('4');
    await three.kill('SIGKILL');
    expect(await buildsOf(id, 'handed')).toEqual(['3', '4']);
  });
});
