import { randomUUID } from 'node:crypto';
import { defaultGrpcRetryOptions, makeGrpcRetryInterceptor } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { connect, type ClientOptions } from '../../src/client.ts';
import type { Call, Interceptor } from '../../src/client/call-gate.ts';
import { startFaultProxy, type FaultProxy } from '../support/fault-proxy.ts';

describe('a client that is closed', () => {
  let server: FaultProxy;
  const workflowId = `closing:${randomUUID()}`;
  const connectThere = (more: Partial<ClientOptions> = {}) =>
    connect({ address: `127.0.0.1:${server.port}`, taskQueue: 'nobody', ...more });
  beforeAll(async () => {
    server = await startFaultProxy(Number(inject('temporalAddress').split(':').at(-1)));
    const client = await connectThere();
    await client.start({ target: { host: 'h' }, steps: [{ name: 'a', script: 'true' }] }, { workflowId });
    await client.close();
  });
  afterAll(async () => {
    const client = await connect({ address: inject('temporalAddress') });
    await client.temporal.workflow.getHandle(workflowId).terminate();
    await client.close();
    await server.close();
  });
  const closed = { cause: { code: 1, details: 'the client is closed' } };

  it('fails its open requests and every new one', async () => {
    const client = await connectThere();
    const ending = client.result(workflowId).catch((error: unknown) => error);
    await client.close();
    expect(await ending).toMatchObject(closed);
    await expect(client.status(workflowId)).rejects.toMatchObject(closed);
    await expect.poll(() => server.open()).toBe(0);
  });

  it('fails a request that it is retrying, without an unhandled error', async () => {
    let tries = 0;
    const count: Interceptor = (options, nextCall) => {
      tries += 1;
      return nextCall(options) as Call;
    };
    const interceptors = [makeGrpcRetryInterceptor(defaultGrpcRetryOptions()), count];
    const client = await connectThere({ interceptors });
    const before = tries;
    const ending = client.result(workflowId).catch((error: unknown) => error);
    await server.refuse();
    server.reset();
    await expect.poll(() => tries - before).toBeGreaterThan(2);
    await client.close();
    expect(await ending).toMatchObject(closed);
    await server.accept();
  });
});
