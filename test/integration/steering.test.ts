import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { poll } from '../support/poll.ts';
import { problemsOf, validateSent } from '../support/schemas.ts';
import { startStack, type Stack } from '../support/stack.ts';

describe('a run that operators steer', () => {
  let stack: Stack;
  let notifications: string;
  const posted: { event: string; step?: string; url?: string }[] = [];
  // The webhook fails twice at first.
  let refusals = 2;
  const hook = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      if ((refusals -= 1) >= 0) return response.writeHead(503).end();
      posted.push(JSON.parse(Buffer.concat(chunks).toString()) as (typeof posted)[number]);
      return response.end();
    });
  });

  beforeAll(async () => {
    await new Promise<void>((resolve) => void hook.listen(0, '127.0.0.1', resolve));
    stack = await startStack({ workers: 0 });
    notifications = join(stack.secretsDir, 'notifications');
    await stack.startWorker({
      CHANDLER_NOTIFY_COMMAND: `echo "$CHANDLER_EVENT $CHANDLER_STEP" >>${notifications}`,
      CHANDLER_NOTIFY_URL: `http://127.0.0.1:${(hook.address() as AddressInfo).port}/`,
      CHANDLER_UI_URL: 'http://ui.example',
    });
  });
  afterAll(async () => {
    hook.close();
    await stack?.stop();
  });

  it('accepts more time, a variable and a reset of a step with its dependents, sends notifications, and is found by its labels', async () => {
    const fleet = `fleet ${stack.taskQueue}`;
    const id = await stack.start({
      name: 'steered',
      fleet,
      labels: { tier: 'front', 'example.org/zone': 'eu-1' },
      steps: [
        { name: 'base', script: 'echo "base $CHANDLER_ATTEMPT" >>/root/steered', timeout: '1h' },
        { name: 'app', needs: ['base'], script: 'echo "app $MIRROR" >>/root/steered; test -n "$MIRROR"' },
        {
          name: 'slow',
          script: 'until test -e /root/enough; do sleep 0.1; done; echo slow >>/root/steered',
          timeout: '8s',
        },
      ],
    });
    await stack.until(id, ({ steps }) => steps[2]?.state === 'running', 'slow runs');
    await stack.client.extendTimeout(id, { step: 'slow', by: '1h', reason: 'a slow mirror' });
    await stack.until(id, ({ steps }) => steps[1]?.state === 'parked', 'app is parked');
    const query = `ChandlerFleet = '${fleet}' AND ChandlerLabels = 'tier=front' AND ChandlerLabels = 'example.org/zone=eu-1'`;
    await poll(async () => {
      const found = [];
      const list = stack.client.temporal.workflow.list({ query: `${query} AND ChandlerAttention = true` });
      for await (const run of list) found.push(run.workflowId);
      return found.length === 1 && found[0] === id;
    }, 'the run is found by fleet, labels and attention');

    const answer = await stack.client.retry(id, {
      step: 'base',
      resetDownstream: true,
      env: { ANY: 'value' },
    });
    expect(answer?.steps[0]?.state).not.toBe('succeeded');
    await stack.until(
      id,
      ({ steps }) => steps[1]?.state === 'parked' && steps[1].attempt === 2,
      'app is parked again',
    );
    await stack.client.retry(id, { step: 'app', env: { MIRROR: "it's $(here)" } });
    await stack.until(id, ({ steps }) => steps[1]?.state === 'succeeded', 'app is done');
    // Waits beyond the step's original timeout.
    const begunMs = (await stack.client.status(id)).steps[2]?.startedAtMs ?? Infinity;
    await poll(() => Date.now() > begunMs + 9000, 'the first timeout is over');
    expect((await stack.client.status(id)).steps[2]).toMatchObject({ state: 'running', attempt: 1 });
    await stack.onHost('touch /root/enough');
    const result = await stack.client.result(id);
    expect(result).toMatchObject({
      outcome: 'provisioned',
      result: {
        auditTrail: [
          { action: 'extendTimeout', step: 'slow', extendedByMs: 3_600_000, reason: 'a slow mirror' },
          { action: 'retryStep', step: 'base', reset: ['app'], env: ['ANY'] },
          { action: 'retryStep', step: 'app', env: ['MIRROR'] },
        ],
      },
    });
    expect(await stack.onHost('cat /root/steered')).toBe(
      "base 1\napp \nbase 2\napp \napp it's $(here)\nslow\n",
    );
    expect(await validateSent(stack.client.temporal.workflow.getHandle(id))).toEqual(
      ['plan', 'extendTimeout', 'retryStep', 'retryStep'].map((name) => ({ name, problems: [] })),
    );

    await poll(
      () => posted.length === 3,
      'the webhook has received every notification',
      () => JSON.stringify(posted),
    );
    const url = `http://ui.example/namespaces/default/workflows/${encodeURIComponent(id)}`;
    expect(posted.map(({ event, step }) => `${event} ${step}`).sort()).toEqual([
      'parked app',
      'parked app',
      'provisioned undefined',
    ]);
    for (const notification of posted) {
      expect(notification.url).toBe(url);
      expect(problemsOf('notification', JSON.stringify(notification), 'run')).toEqual([]);
    }
    expect((await readFile(notifications, 'utf8')).split('\n').sort()).toEqual([
      '',
      'parked app',
      'parked app',
      'provisioned ',
    ]);
  });
});
