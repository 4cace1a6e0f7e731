import { describe, expect, it } from 'vitest';
import { ChandlerError } from '../../src/domain/run/failure.ts';
import { classify, toFailure } from '../../src/ssh/ssh-failure.ts';
import type { Where } from '../../src/ssh/ssh-failure.ts';

const cases: [Where, string, Record<string, unknown>, string, string][] = [
  ['dial', 'getaddrinfo ENOTFOUND h', { code: 'ENOTFOUND' }, 'host-unreachable', 'no'],
  ['dial', 'getaddrinfo EAI_AGAIN h', { code: 'EAI_AGAIN' }, 'host-unreachable', 'no'],
  ['dial', 'connect ECONNREFUSED', { code: 'ECONNREFUSED' }, 'host-unreachable', 'no'],
  ['dial', 'read ECONNRESET', { code: 'ECONNRESET', level: 'client-socket' }, 'host-unreachable', 'no'],
  ['dial', 'connect EHOSTUNREACH', { code: 'EHOSTUNREACH' }, 'host-unreachable', 'no'],
  ['dial', 'connect ETIMEDOUT', { code: 'ETIMEDOUT' }, 'host-unreachable', 'no'],
  ['dial', 'the login was not complete within 7000 ms', {}, 'host-unreachable', 'no'],
  ['dial', 'Connection lost before handshake', { level: 'protocol' }, 'host-unreachable', 'no'],
  ['dial', 'Bad packet length', { level: 'protocol' }, 'host-unreachable', 'no'],
  ['dial', 'Handshake failed: no matching host key format', { level: 'handshake' }, 'host-unsupported', 'no'],
  [
    'dial',
    'Handshake failed: signature verification failed',
    { level: 'handshake' },
    'host-key-mismatch',
    'no',
  ],
  ['dial', 'Host denied (verification failed)', { level: 'handshake' }, 'host-key-unknown', 'no'],
  [
    'dial',
    'All configured authentication methods failed',
    { level: 'client-authentication' },
    'auth-failed',
    'no',
  ],
  ['dial', 'Too many authentication failures', { code: 2 }, 'auth-failed', 'no'],
  ['dial', 'Failed to connect to agent', { level: 'agent' }, 'identity-unavailable', 'no'],
  [
    'dial',
    'the host closed the connection and printed “Welcome | Your account has expired; please contact your system administrator.”',
    {},
    'auth-failed',
    'no',
  ],
  [
    'dial',
    'the host closed the connection and printed “If your account has expired, call us. | Host denied to strangers.”',
    {},
    'host-unreachable',
    'no',
  ],
  [
    'identity',
    'Encrypted private OpenSSH key detected, but no passphrase given',
    {},
    'identity-unavailable',
    'no',
  ],
  ['identity', 'Unsupported key format', {}, 'identity-unavailable', 'no'],
  ['exec', 'Not connected', {}, 'connection-lost', 'no'],
  ['exec', 'No response from server', {}, 'connection-lost', 'no'],
  ['exec', '(SSH) Channel open failure: open failed', { reason: 2 }, 'channel-refused', 'no'],
  ['exec', 'Unable to exec', {}, 'connection-lost', 'unknown'],
  ['forward', '(SSH) Channel open failure: prohibited', { reason: 1 }, 'host-unsupported', 'no'],
  ['forward', '(SSH) Channel open failure: Connection refused', { reason: 2 }, 'host-unreachable', 'no'],
];

describe('classify', () => {
  it.each(cases)('maps the %s error “%s” %j to %s, started: %s', (where, message, extra, code, started) => {
    const row = classify(where, Object.assign(new Error(message), extra));
    expect([row.code, row.started]).toEqual([code, started]);
  });
});

describe('toFailure', () => {
  it('includes the host, the operation, the cause and advice', () => {
    const error = Object.assign(new Error('connect ECONNREFUSED 10.0.0.1:22'), { code: 'ECONNREFUSED' });
    const failure = toFailure(error, { where: 'dial', label: 'u@h:22', doing: 'no connection' });
    expect(failure.message).toBe('u@h:22: no connection: connect ECONNREFUSED 10.0.0.1:22');
    expect(failure.advice).toBe(
      'Nothing listens on that port: check target.port and that sshd runs on the host.',
    );
    expect(failure.facts.host).toBe('u@h:22');
    expect(failure.cause).toBe(error);
  });

  it("joins the messages of Node's error for several addresses, which has no message", () => {
    const error = Object.assign(new AggregateError([new Error('a refused'), new Error('b refused')]), {
      code: 'ECONNREFUSED',
    });
    const { message, code } = toFailure(error, { where: 'dial', label: 'u@h:22', doing: 'no connection' });
    expect(code).toBe('host-unreachable');
    expect(message).toBe('u@h:22: no connection: a refused; b refused');
  });

  it('returns a ChandlerError unchanged', () => {
    const failure = new ChandlerError('auth-failed', 'x');
    expect(toFailure(failure, { where: 'dial', label: 'l', doing: 'd' })).toBe(failure);
  });
});
