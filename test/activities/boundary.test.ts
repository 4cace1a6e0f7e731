import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { describe, expect, it } from 'vitest';
import { toTemporalFailure } from '../../src/activities/boundary.ts';
import { ChandlerError, failureCodes, type FailureCode } from '../../src/domain/failure.ts';

describe('a failure at the boundary', () => {
  it('has the code as its type, what to do in its first line, and the facts as details', () => {
    const facts = { step: 'a', host: 'web1', exitCode: 3, logTail: 'oops', signal: 'TERM' };
    const failure = toTemporalFailure(new ChandlerError('step-failed', 'a: exit 3', { facts }));
    const { advice } = failureCodes['step-failed'];
    expect(failure).toBeInstanceOf(ApplicationFailure);
    expect(failure).toMatchObject({
      type: 'step-failed',
      message: `a: exit 3. ${advice}`,
      nonRetryable: true,
      details: [
        {
          code: 'step-failed',
          message: 'a: exit 3',
          advice,
          host: 'web1',
          step: 'a',
          exitCode: 3,
          logTail: 'oops',
        },
      ],
    });
  });

  it('names the host in its first line, once', () => {
    const target = { host: 'web1', port: 2222 };
    const messageOf = (message: string) =>
      (toTemporalFailure(new ChandlerError('auth-failed', message), target) as ApplicationFailure).message;
    expect(messageOf('no such key')).toMatch(/^root@web1:2222: no such key\. /);
    expect(messageOf('me@web1:2222: refused')).toMatch(/^me@web1:2222: refused\. /);
  });

  it.each(Object.entries(failureCodes))('%s is retried only if that may help', (code, { retryable }) => {
    expect(toTemporalFailure(new ChandlerError(code as FailureCode, 'x'))).toMatchObject({
      nonRetryable: !retryable,
    });
  });

  it('is bounded, whatever the host said', () => {
    const failure = toTemporalFailure(
      new ChandlerError('disk-full', 'x'.repeat(10_000_000)),
    ) as ApplicationFailure;
    expect(failure.message?.length).toBeLessThan(9000);
  });

  it('is left alone when it is a cancellation, a failure of the engine or an error of ours', () => {
    for (const error of [
      new CancelledFailure('x'),
      ApplicationFailure.nonRetryable('x'),
      new TypeError('x'),
      'x',
    ]) {
      expect(toTemporalFailure(error)).toBe(error);
    }
  });
});
