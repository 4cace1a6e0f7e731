import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { fingerprint, lookUpHostKey, parseKnownHosts, recordedKeyTypes } from '../../src/ssh/known-hosts.ts';

const ED = 'ssh-ed25519';
const good = key(ED, 'good');
const other = key(ED, 'other');
const rsa = key('ssh-rsa', 'rsa');

describe('lookUpHostKey', () => {
  it.each([
    ['a plain name', `h ${ED} ${b64(good)}`, 'h', 22],
    ['a name in another case', `HOST ${ED} ${b64(good)}`, 'Host', 22],
    ['one of a comma list', `a,h,10.0.0.1 ${ED} ${b64(good)} comment here`, 'h', 22],
    ['a star', `*.example.com ${ED} ${b64(good)}`, 'a.b.example.com', 22],
    ['a question mark', `web? ${ED} ${b64(good)}`, 'web1', 22],
    ['host and port', `[h]:2222 ${ED} ${b64(good)}`, 'h', 2222],
    ['a star for the port', `[h]:* ${ED} ${b64(good)}`, 'h', 2222],
    ['the bare host for another port', `h ${ED} ${b64(good)}`, 'h', 2222],
    ['a hashed name', `${hashed('h')} ${ED} ${b64(good)}`, 'h', 22],
    ['a hashed name with port', `${hashed('[h]:2222')} ${ED} ${b64(good)}`, 'h', 2222],
    ['an IPv6 address with port', `[fe80::1]:2222 ${ED} ${b64(good)}`, 'fe80::1', 2222],
    ['tabs, indentation and CRLF', `# top\r\n\r\n \th\t${ED}\t${b64(good)}\r\n`, 'h', 22],
    ['the second key of a host', `h ${ED} ${b64(other)}\nh ${ED} ${b64(good)}`, 'h', 22],
    ['a key revoked for another host only', `@revoked x ${ED} ${b64(good)}\nh ${ED} ${b64(good)}`, 'h', 22],
  ])('finds %s', (_, text, host, port) => {
    expect(lookUpHostKey(text, host, port, ED, good).kind).toBe('match');
  });

  it.each([
    ['an empty file', '', 'h', 22],
    ['another host', `x ${ED} ${b64(good)}`, 'h', 22],
    ['a longer name', `h ${ED} ${b64(good)}`, 'hh', 22],
    ['another port', `[h]:23 ${ED} ${b64(good)}`, 'h', 22],
    ['a negated host', `*,!h ${ED} ${b64(good)}`, 'h', 22],
    ['only negations', `!x ${ED} ${b64(good)}`, 'h', 22],
    ['another hash', `${hashed('x')} ${ED} ${b64(good)}`, 'h', 22],
    ['a hash of an unknown kind', `|2|${'a'.repeat(8)}|${'b'.repeat(8)} ${ED} ${b64(good)}`, 'h', 22],
    ['a certificate authority', `@cert-authority h ${ED} ${b64(good)}`, 'h', 22],
    ['an unknown marker', `@trusted h ${ED} ${b64(good)}`, 'h', 22],
    ['a comment', `#h ${ED} ${b64(good)}`, 'h', 22],
    ['a line without a key', `h ${ED}`, 'h', 22],
    ['a key of another type than the line says', `h ssh-rsa ${b64(good)}`, 'h', 22],
    ['a key of another bare host', `h ${ED} ${b64(other)}`, 'h', 2222],
    ['junk', `\u0000\u0001 !! h ${ED}\n|1|x\n@revoked`, 'h', 22],
  ])('finds no key in %s', (_, text, host, port) => {
    expect(lookUpHostKey(text, host, port, ED, good)).toEqual({ kind: 'unknown' });
  });

  it('reports the line of a changed key', () => {
    const text = `# comment\nx ${ED} ${b64(good)}\nh ${ED} ${b64(other)}\n`;
    expect(lookUpHostKey(text, 'h', 22, ED, good)).toEqual({ kind: 'mismatch', line: 3, keyType: ED });
  });

  it('reports a host that is recorded only with other key types as changed', () => {
    const text = `h ssh-rsa ${b64(rsa)}`;
    expect(lookUpHostKey(text, 'h', 22, ED, good)).toEqual({ kind: 'mismatch', line: 1, keyType: 'ssh-rsa' });
  });

  it('refuses a revoked key even if it is recorded, too', () => {
    const text = `h ${ED} ${b64(good)}\n@revoked * ${ED} ${b64(good)}`;
    expect(lookUpHostKey(text, 'h', 22, ED, good)).toEqual({ kind: 'revoked', line: 2 });
  });

  it('is not slowed down by a hostile pattern', () => {
    const text = `${'*a'.repeat(2000)}b ${ED} ${b64(good)}`;
    const begin = process.cpuUsage();
    expect(lookUpHostKey(text, 'a'.repeat(5000), 22, ED, good).kind).toBe('unknown');
    expect(process.cpuUsage(begin).user / 1e6).toBeLessThan(10);
  });
});

describe('parseKnownHosts', () => {
  it('numbers lines as an editor does', () => {
    const lines = parseKnownHosts(`\n# x\nh ${ED} ${b64(good)}\n@revoked i ${ED} ${b64(other)}`);
    expect(lines.map(({ line, marker }) => [line, marker])).toEqual([
      [3, ''],
      [4, '@revoked'],
    ]);
  });
});

describe('recordedKeyTypes', () => {
  it('lists the types of plain keys once each', () => {
    const text = `h ssh-rsa ${b64(rsa)}\nh ${ED} ${b64(good)}\nh ${ED} ${b64(other)}\n@revoked h ${ED} ${b64(other)}`;
    expect(recordedKeyTypes(text, 'h', 22)).toEqual(['ssh-rsa', ED]);
  });

  it('uses the entry without a port only if the port is not recorded', () => {
    const text = `h ssh-rsa ${b64(rsa)}\n[h]:2222 ${ED} ${b64(good)}`;
    expect(recordedKeyTypes(text, 'h', 2222)).toEqual([ED]);
    expect(recordedKeyTypes(text, 'h', 2223)).toEqual(['ssh-rsa']);
  });
});

describe('fingerprint', () => {
  it('has no padding', () => {
    expect(fingerprint(good)).toMatch(/^SHA256:[A-Za-z0-9+/]{43}$/);
  });
});

function key(type: string, content: string): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(type.length);
  return Buffer.concat([length, Buffer.from(type), Buffer.from(content)]);
}

function b64(blob: Buffer): string {
  return blob.toString('base64');
}

function hashed(name: string): string {
  const salt = Buffer.from('0123456789abcdefghij');
  return `|1|${salt.toString('base64')}|${createHmac('sha1', salt).update(name).digest('base64')}`;
}
