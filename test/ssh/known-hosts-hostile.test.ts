import { execFileSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { checkHostKey } from '../../src/ssh/host-key.ts';
import { fingerprint, lookUpHostKey, parseKnownHosts, recordedKeyTypes } from '../../src/ssh/known-hosts.ts';

const ED = 'ssh-ed25519';
/** A key that ssh-keygen accepts: any 32 bytes will do. */
const key = (byte: number) => {
  const part = (bytes: Buffer) => Buffer.concat([Buffer.from([0, 0, 0, bytes.length]), bytes]);
  return Buffer.concat([part(Buffer.from(ED)), part(Buffer.alloc(32, byte))]);
};
const [good, other] = [key(1), key(2)];
const b64 = good.toString('base64');
const hashed = (name: string) => {
  const salt = Buffer.from('0123456789abcdefghij');
  return `|1|${salt.toString('base64')}|${createHmac('sha1', salt).update(name).digest('base64')}`;
};

const marker = fc.constantFrom('', '', '', '@revoked ', '@cert-authority ', '@other ');
const name = fc.oneof(
  { weight: 2, arbitrary: fc.constantFrom('h', 'h*', '*,!h', '!h,*', 'h,!x') },
  fc.constantFrom('h', 'H', '*', '?', 'h*', '!h', '!*', 'x', 'h.x', '[h]:22', '[h]:2222', '', '*,!h', 'x,h'),
  fc.constantFrom(hashed('h'), hashed('x'), hashed('[h]:2222'), '|1|', '|1|a|b', '|2|a|b', `|1|${b64}`),
  fc.array(fc.constantFrom('h', '*', '?', ',', '!', '.'), { maxLength: 8 }).map((parts) => parts.join('')),
);
const blob = fc.constantFrom(
  b64,
  b64,
  b64,
  b64,
  b64,
  b64,
  b64,
  other.toString('base64'),
  b64.slice(0, -1),
  `${b64}=`,
  `${b64.slice(0, 10)}!${b64.slice(10)}`,
  b64.replaceAll('/', '_').replaceAll('+', '-'),
  `${b64}AAAA`,
  '',
);
const line = fc
  .tuple(
    fc.constantFrom('', '', '', '', '', ' ', '\t', '#', '\u00a0', '\ufeff', '\v', '\f'),
    marker,
    name,
    fc.constantFrom(' ', '\t', ' \t '),
    fc.constantFrom(ED, ED, ED, ED, ED, 'ssh-rsa', ''),
    blob,
    fc.constantFrom('', ' comment', ' \u001b[2J', '\u00a0'),
  )
  .map(
    ([pad, mark, hosts, gap, type, text, rest]) => `${pad}${mark}${hosts}${gap}${type}${gap}${text}${rest}`,
  );
const files = fc
  .tuple(fc.array(line, { maxLength: 6 }), fc.constantFrom('\n', '\r\n'))
  .map(([lines, end]) => lines.join(end));

describe('a known_hosts file with arbitrary content', () => {
  let dir = '';
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'chandler-known-'));
  });
  afterAll(() => rmSync(dir, { recursive: true }));

  /** The lines with a readable key that ssh-keygen finds for a name. */
  function linesFoundBySshKeygen(text: string, host: string): { line: number; mark: string; keys: string }[] {
    const path = join(dir, 'known_hosts');
    writeFileSync(path, text);
    const printed = (() => {
      try {
        const stdio = ['ignore', 'pipe', 'ignore'] as ['ignore', 'pipe', 'ignore'];
        return execFileSync('ssh-keygen', ['-l', '-F', host, '-f', path], { stdio }).toString('latin1');
      } catch (error) {
        return String((error as { stdout?: Buffer }).stdout ?? '');
      }
    })();
    return [...printed.matchAll(/^# Host .* found: line (\d+) ?(.*)\n(.*)$/gm)].map(
      ([, at, mark = '', keys = '']) => ({
        line: Number(at),
        mark: mark.trim(),
        keys,
      }),
    );
  }

  it('grants exactly what ssh-keygen finds', () => {
    let granted = 0;
    fc.assert(
      fc.property(files, fc.constantFrom(22, 2222), (text, port) => {
        const answer = lookUpHostKey(text, 'h', port, ED, good);
        const found = [
          ...linesFoundBySshKeygen(text, port === 22 ? 'h' : `[h]:${port}`),
          ...(port === 22 ? [] : linesFoundBySshKeygen(text, 'h')),
        ].filter(({ keys }) => keys.includes(fingerprint(good)));
        const revoked = found.some(({ mark }) => mark === 'REVOKED');
        const plain = found.filter(({ mark }) => mark === '').map((each) => each.line);
        if (answer.kind === 'match') {
          granted += 1;
          expect(plain).toContain(answer.line);
        }
        // OpenSSH treats a key that is recorded for a host and revoked for another port in its own way.
        if (port === 22) expect(answer.kind === 'match').toBe(plain.length > 0 && !revoked);
        if (answer.kind === 'revoked') expect(revoked).toBe(true);
      }),
      { numRuns: 60 },
    );
    expect(granted).toBeGreaterThan(0);
  });

  it('breaks nothing, and grants a key only if it contains that key', () => {
    const piece = fc.oneof(
      fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes).toString('utf8')),
      fc.string({ unit: 'binary', maxLength: 10 }),
      line,
      fc.constantFrom('\n', '\r', '\0', ' ', 'h ', ED, 'x'.repeat(7000)),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 10 }), (pieces) => {
        const text = pieces.join('');
        for (const { keyBlob, keyType } of parseKnownHosts(text))
          expect(keyBlob.includes(keyType)).toBe(true);
        expect(recordedKeyTypes(text, 'h', 22).every((type) => text.includes(type))).toBe(true);
        if (lookUpHostKey(text, 'h', 2222, ED, good).kind === 'match') expect(text).toContain(b64);
        for (const junk of [Buffer.of(), Buffer.from('junk'), good.subarray(0, -1)]) {
          expect(lookUpHostKey(text, 'h', 22, ED, junk).kind).not.toBe('match');
        }
      }),
      { numRuns: 60 },
    );
  });

  it('is read in time proportional to its size, whatever its patterns', () => {
    const host = 'a'.repeat(250);
    const patterns = ['*a*a*a*a*b', `*${'a'.repeat(125)}b`, '?'.repeat(200), `!${'*a'.repeat(60)}`, '|1|a|b'];
    const timeOf = (text: string) => {
      const begin = process.cpuUsage();
      expect(lookUpHostKey(text, host, 2222, ED, good).kind).toBe('unknown');
      return process.cpuUsage(begin).user / 1000;
    };
    for (const pattern of patterns) {
      const lineOf = (count: number) => `${`${pattern},`.repeat(count)}x ${ED} ${b64}\n`;
      timeOf(lineOf(20));
      // Twenty times the size, in many lines or in one: quadratic time would grow four hundred times.
      const small = Math.max(timeOf(lineOf(20)), 5);
      expect(timeOf(lineOf(20).repeat(20))).toBeLessThan(small * 80);
      expect(timeOf(lineOf(400))).toBeLessThan(small * 80);
    }
  });

  it('never lets an unrecorded key through, and leaves no control characters in the refusal', () => {
    const keys = fc.oneof(
      fc.constantFrom(good, other),
      fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)),
    );
    const dir = mkdtempSync(join(tmpdir(), 'chandler-known-hosts-'));
    onTestFinished(() => rmSync(dir, { recursive: true }));
    const file = join(dir, 'known_hosts');
    fc.assert(
      fc.property(files, keys, (text, offered) => {
        const target = {
          host: 'h',
          port: 22,
          user: 'root',
          hostKey: { kind: 'known_hosts', files: [file] },
        } as unknown as Parameters<typeof checkHostKey>[0];
        writeFileSync(file, text);
        const check = checkHostKey(target);
        const answers: boolean[] = [];
        check.verify(offered, (ok) => answers.push(ok));
        expect(answers).toHaveLength(1);
        expect(readFileSync(file, 'utf8')).toBe(text);
        if (answers[0]) expect(text).toContain(offered.toString('base64'));
        else {
          expect(check.refusal()?.code).toMatch(/^host-key-/);
          expect(check.refusal()?.message).not.toMatch(/\p{Cc}/u);
          expect(check.refusal()?.advice).not.toMatch(/\p{Cc}/u);
        }
      }),
      { numRuns: 60 },
    );
  });
});
