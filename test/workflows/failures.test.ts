import {
  ActivityFailure,
  ApplicationFailure,
  RetryState,
  TimeoutFailure,
  TimeoutType,
} from '@temporalio/common';
import { describe, expect, it } from 'vitest';
import { neverRan, readFailure, wasCutOff } from '../../src/workflows/failures.ts';

const activityFailure = (cause: Error) =>
  new ActivityFailure('failed', 'prepareHost', '1', RetryState.TIMEOUT, 'worker', cause);
const timeout = (type: TimeoutType, { beat, cause }: { beat?: unknown; cause?: Error } = {}) =>
  activityFailure(Object.assign(new TimeoutFailure('timed out', beat, type), { cause }));

describe('an activity that ran out of time', () => {
  const { SCHEDULE_TO_START, SCHEDULE_TO_CLOSE, START_TO_CLOSE, HEARTBEAT } = TimeoutType;
  const unreachable = ApplicationFailure.create({ type: 'host-unreachable', message: 'no route' });

  it.each([
    ['no worker began it', timeout(SCHEDULE_TO_START), 'no-worker'],
    ['no worker began it before its end', timeout(SCHEDULE_TO_CLOSE), 'no-worker'],
    ['the worker went silent', timeout(HEARTBEAT, { beat: {} }), 'no-worker'],
    [
      'its worker went silent and no other began it',
      timeout(SCHEDULE_TO_CLOSE, {
        beat: {},
        cause: new TimeoutFailure('silent', undefined, HEARTBEAT),
      }),
      'no-worker',
    ],
    ['the host did not answer', timeout(START_TO_CLOSE, { beat: {} }), 'host-unreachable'],
    ['the host did not answer to the end', timeout(SCHEDULE_TO_CLOSE, { beat: {} }), 'host-unreachable'],
    ['its last attempt says why', timeout(SCHEDULE_TO_CLOSE, { cause: unreachable }), 'host-unreachable'],
  ])('because %s', (_, error, code) => {
    expect(readFailure(error).code).toBe(code);
  });

  it.each(['ActivityPause', 'ActivityReset'])('with %s, names the operator and not the host', (type) => {
    const stopped = ApplicationFailure.create({ type, message: type });
    const failure = readFailure(timeout(SCHEDULE_TO_CLOSE, { beat: {}, cause: stopped }));
    expect(failure).toMatchObject({
      code: 'no-worker',
      advice: expect.stringMatching(/Unpause it/) as string,
    });
  });

  it('has never run only if no attempt reported or failed', () => {
    expect(neverRan(timeout(SCHEDULE_TO_CLOSE))).toBe(true);
    expect(neverRan(timeout(SCHEDULE_TO_CLOSE, { beat: {} }))).toBe(false);
    expect(neverRan(timeout(SCHEDULE_TO_CLOSE, { cause: unreachable }))).toBe(false);
    expect(neverRan(activityFailure(unreachable))).toBe(false);
  });
});

describe('an attempt that was cut off', () => {
  it.each(['ActivityPause', 'ActivityReset', 'WorkerShutdown'])(
    'by %s proves nothing about the host, which is asked again',
    (type) => {
      const stopped = ApplicationFailure.create({ type, message: type });
      const last = new ActivityFailure(
        'f',
        'installZmx',
        '1',
        RetryState.MAXIMUM_ATTEMPTS_REACHED,
        'w',
        stopped,
      );
      expect(wasCutOff(last)).toBe(true);
    },
  );
});
