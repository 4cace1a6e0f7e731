import { randomUUID } from 'node:crypto';
import { defaultGrpcRetryOptions, makeGrpcRetryInterceptor } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { connect, type ClientOptions } from '../../src/client.ts';
import type { Call, Interceptor } from '../../src/client/calls.ts';
import { startFaultProxy, type FaultProxy } from '../support/fault-proxy.ts';

describe('a client that is closed', () => {
  let engine: FaultProxy;
  const workflowId = `closing:${randomUUID()}`;
  const connectThere = (more: Partial<ClientOptions> = {}) =>
    connect({ address: `127.0.0.1:${engine.port}`, taskQueue: 'nobody', ...more });
  beforeAll(async () => {
    engine = await startFaultProxy(Number(inject('temporalAddress').split(':').at(-1)));
    const client = await connectThere();
    await client.start({ target: { host: 'h' }, steps: [{ name: 'a', script: 'true' }] }, { workflowId });
    await client.close();
  });
  afterAll(async () => {
    const client = await connect({ address: inject('temporalAddress') });
    await client.temporal.workflow.getHandle(workflowId).terminate();
    await client.close();
    await engine.close();
  });
  const closed = { cause: { code: 1, details: 'the client is closed' } };

  it('ends what it is asked for, and is asked nothing more', async () => {
    const client = await connectThere();
    const ending = client.result(workflowId).catch((error: unknown) => error);
    await client.close();
    expect(await ending).toMatchObject(closed);
    await expect(client.status(workflowId)).rejects.toMatchObject(closed);
    await expect.poll(() => engine.open()).toBe(0);
  });

  it('while it tries again what has failed: nothing is thrown that nobody can catch', async () => {
    let tries = 0;
    const count: Interceptor = (options, nextCall) => {
      tries += 1;
      return nextCall(options) as Call;
    };
    const interceptors = [makeGrpcRetryInterceptor(defaultGrpcRetryOptions()), count];
    const client = await connectThere({ interceptors });
    const before = tries;
    const ending = client.result(workflowId).catch((error: unknown) => error);
    await engine.refuse();
    engine.reset();
    await expect.poll(() => tries - before).toBeGreaterThan(2);
    await client.close();
    expect(await ending).toMatchObject(closed);
    await engine.accept();
  });
});
