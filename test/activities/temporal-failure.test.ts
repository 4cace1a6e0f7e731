import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { describe, expect, it } from 'vitest';
import { toTemporalFailure } from '../../src/activities/temporal-failure.ts';
import { ChandlerError, failureCodes, type FailureCode } from '../../src/domain/run/failure.ts';

describe('a failure of an activity', () => {
  it('has the code as its type, the advice in its first line, and the facts as details', () => {
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

  it('is bounded, whatever the host printed', () => {
    const failure = toTemporalFailure(
      new ChandlerError('disk-full', 'x'.repeat(10_000_000)),
    ) as ApplicationFailure;
    expect(failure.message?.length).toBeLessThan(9000);
  });

  it('is not converted if it is a cancellation, a Temporal failure or an unexpected error', () => {
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
