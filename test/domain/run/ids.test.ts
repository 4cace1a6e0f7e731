import { describe, expect, it, test } from 'vitest';
import { addressOf, defaultWorkflowId, makeLaunch, sessionName } from '../../../src/domain/run/ids.ts';

describe('a launch', () => {
  it('has the same id whenever it is named, and another for each run, step, kind and attempt', () => {
    const launches = [
      makeLaunch('run', 'a', 'step', 1),
      makeLaunch('run2', 'a', 'step', 1),
      makeLaunch('run', 'a"', 'step', 1),
      makeLaunch('run', 'a', 'finalizer', 1),
      makeLaunch('run', 'a', 'step', 2),
    ];
    expect(launches[0]).toEqual({ id: '408909f55a3aec5a25ce', step: 'a', kind: 'step', attempt: 1 });
    expect(new Set(launches.map(({ id }) => id)).size).toBe(launches.length);
  });

  test.each([
    ['step', 1, 'px-egress'],
    ['step', 2, 'px-egress.2'],
    ['finalizer', 1, undefined],
  ] as const)('of a %s, attempt %d, runs in the session %s', (kind, attempt, session) => {
    expect(sessionName(makeLaunch('run', 'px-egress', kind, attempt))).toBe(session);
  });
});

describe('the id of a workflow', () => {
  it('is the same for the same host and port', () => {
    expect(defaultWorkflowId({ host: 'web1' })).toBe('provision:web1:22');
    expect(defaultWorkflowId({ host: '::1', port: 2222 })).toBe('provision:::1:2222');
  });
});

describe('the address of a host for people', () => {
  test.each([
    [{ host: 'web1' }, 'root@web1:22'],
    [{ host: 'web1', port: 2222, user: 'app' }, 'app@web1:2222'],
    [{ host: 'fe80::1' }, 'root@[fe80::1]:22'],
  ])('%j is %s', (target, address) => {
    expect(addressOf(target)).toBe(address);
  });
});
