import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { poll } from '../support/poll.ts';
import { startStack, type Stack } from '../support/stack.ts';

const deploymentName = 'chandler-test';
/** `ROUTING_CONFIG_UPDATE_STATE_COMPLETED` (temporal/api/enums/v1/task_queue.proto) */
const ROUTED = 2;

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
  /** Sends new runs to a build. A worker is known a moment after it has started, and so is the change to each queue. */
  const makeCurrent = async (buildId: string) => {
    const engine = stack.client.temporal.workflowService;
    const deployment = { namespace: 'default', deploymentName };
    await poll(
      () =>
        engine.setWorkerDeploymentCurrentVersion({ ...deployment, buildId }).then(
          () => true,
          () => false,
        ),
      `build ${buildId} is current`,
    );
    await poll(async () => {
      const { workerDeploymentInfo } = await engine.describeWorkerDeployment(deployment);
      return Number(workerDeploymentInfo?.routingConfigUpdateState) === ROUTED;
    }, `every queue knows that build ${buildId} is current`);
  };
  const startWaiting = async (name: string) => {
    const script = `until test -e /root/${name}; do sleep 0.1; done`;
    const id = await stack.start({ steps: [{ name, script }], sentinel: { whenPresent: 'ignore' } });
    await stack.until(id, ({ steps }) => steps[0]?.state === 'running', `${name} runs`);
    return id;
  };
  /** Lets the step end, and tells which builds the run was driven by. */
  const buildsOf = async (id: string, name: string) => {
    await stack.onHost(`touch /root/${name}`);
    expect((await stack.client.result(id)).outcome).toBe('provisioned');
    const { events } = await stack.client.temporal.workflow.getHandle(id).fetchHistory();
    const builds = (events ?? []).flatMap(
      (event) => event.workflowTaskCompletedEventAttributes?.deploymentVersion?.buildId ?? [],
    );
    return [...new Set(builds)];
  };

  it('end each run on the build it began with, while new ones begin on the current one', async () => {
    await startBuild('1');
    await makeCurrent('1');
    const old = await startWaiting('old');
    await startBuild('2');
    await makeCurrent('2');
    expect(await buildsOf(old, 'old')).toEqual(['1']);
    expect(await buildsOf(await startWaiting('new'), 'new')).toEqual(['2']);
  });

  it('hand a run over that may be upgraded, also from a worker that is gone', async () => {
    const three = await startBuild('3', 'AUTO_UPGRADE');
    await makeCurrent('3');
    const id = await startWaiting('handed');
    await startBuild('4', 'AUTO_UPGRADE');
    await makeCurrent('4');
    await three.kill('SIGKILL');
    expect(await buildsOf(id, 'handed')).toEqual(['3', '4']);
  });
});
