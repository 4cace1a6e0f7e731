import { describe, expect, it } from 'vitest';
import type { LoginCase } from '../../fuzz/cases.ts';
import { judge, type Observed } from '../../fuzz/judge.ts';
import { kinds, type Place } from '../../fuzz/kinds.ts';
import { parseLedger, stepLog } from '../../fuzz/plan.ts';

const WHOLE = 'step a start\nstep a end\nstep b start\nstep b end\nfinalizer a start\nfinalizer a end\n';

function login(name: string, place: Place = 'every'): LoginCase {
  const kind = kinds.find((kind) => kind.name === name)!;
  const fragments = [{ kind, place, posix: '' }];
  return { index: 0, user: 'u0', uid: 2000, shell: 'bash', fragments, onStepFailure: 'park', variant: 0 };
}

function observed(changes: Partial<Observed> = {}): Observed {
  return {
    end: 'provisioned',
    tookMs: 3000,
    reports: [],
    shown: '',
    ledger: parseLedger(WHOLE),
    logs: { a: stepLog('a').replaceAll('\n', '\r\n'), b: stepLog('b') },
    hasSentinel: true,
    ended: true,
    left: [],
    ...changes,
  };
}

const failed = (code: string, message: string): Partial<Observed> => ({
  end: 'failed',
  ledger: [],
  reports: [{ code, message, advice: '' }],
});

const prints = login('prints a line');
const exits = login('exits');

describe('a case', () => {
  it('is provisioned when each part ran once, in order, with its exact log and a sentinel', () =>
    expect(judge(prints, observed(), 1)).toEqual({ outcome: 'provisioned', violations: [] }));

  it('is named when it fails as its kind may and the failure names the cause', () =>
    expect(judge(exits, observed(failed('login-interferes', '~/.bashrc ends the shell')), 1).outcome).toBe(
      'named',
    ));

  it.each([
    ['failed although its kind must provision', prints, failed('login-interferes', '~/.bashrc')],
    ['failed without naming the cause', exits, failed('host-unsupported', 'probe: exit 1')],
    [
      'failed with a code that blames the connection',
      exits,
      failed('connection-lost', 'the login shell is gone'),
    ],
    ['failed too late', exits, { ...failed('login-interferes', '~/.bashrc'), tookMs: 31_000 }],
    ['never ended', exits, { end: 'silent', ledger: [] }],
    ['ran a step twice', prints, { ledger: parseLedger(`step a start\nstep a end\n${WHOLE}`) }],
    ['counted as provisioned without its finalizer', prints, { ledger: parseLedger(WHOLE).slice(0, 4) }],
    ['counted as provisioned without a sentinel', prints, { hasSentinel: false }],
    ['has an extra line in a log', prints, { logs: { a: `welcome\n${stepLog('a')}`, b: stepLog('b') } }],
    ['did not end after an abort', exits, { ...failed('login-interferes', '~/.bashrc'), ended: false }],
    ['left a process', prints, { left: ['bash: supervise'] }],
  ] as const)('breaks a promise when it %s', (_, login, changes) =>
    expect(judge(login, observed(changes), 1).outcome).toBe('violation'),
  );

  it('may take longer by the time that its login sleeps', () => {
    const late = { ...failed('login-interferes', '~/.profile'), tookMs: 31_000 };
    const sleeps: LoginCase = {
      ...exits,
      fragments: [...exits.fragments, ...login('sleeps long', 'session').fragments],
    };
    expect(judge(sleeps, observed(late), 1).outcome).toBe('named');
  });
});
