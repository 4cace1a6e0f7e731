import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareVersions, lingerSeconds, parseVersion } from '../../src/zmx/index.ts';

describe('parseVersion', () => {
  it.each(['0.5.0', '0.6.0', '0.7.0'])('reads the version that zmx %s printed', (version) => {
    const file = new URL(`../fixtures/zmx/transcripts-${version}.json`, import.meta.url);
    const calls = JSON.parse(readFileSync(file, 'utf8')) as {
      argv: string[] | null;
      stdout: string | null;
      exit: unknown;
    }[];
    const texts = calls.flatMap(({ argv, stdout, exit }) =>
      argv?.length === 2 && argv[0] === 'zmx' && argv[1] === 'version' && exit === 0 ? [stdout ?? ''] : [],
    );
    expect(texts.length).toBeGreaterThan(0);
    for (const text of texts) expect(parseVersion(text)).toEqual({ version, shim: false });
  });

  it.each([
    ['zmx\t\t0.8.1\nghostty_vt\tx\n', { version: '0.8.1', shim: false }],
    ['zmx 0.4.2\n', { version: '0.4.2', shim: false }],
    ['zmx\t\t0.7.0\nghostty_vt\ttmux 3.3a (chandler shim)\n', { version: '0.7.0', shim: true }],
    ['zmx\t\t0.8.1-dev\n', { version: '0.8.1', shim: false }],
    ['warning: slow disk\nzmx\t\tv0.10.2\r\nbuild\tx\n', { version: '0.10.2', shim: false }],
    // The shim is not identified by the name of a directory.
    ['zmx\t\t0.7.0\nsocket_dir\t/home/chandler shim\n', { version: '0.7.0', shim: false }],
  ])('reads %j', (text, expected) => {
    expect(parseVersion(text)).toEqual(expected);
  });

  it('recognizes the shim by its own output', () => {
    const dir = mkdtempSync(join(tmpdir(), 'chandler-shim-'));
    const shim = fileURLToPath(new URL('../../src/zmx/shim/zmx.sh', import.meta.url));
    const text = execFileSync('sh', [shim, 'version'], {
      encoding: 'utf8',
      env: { ...process.env, ZMX_DIR: join(dir, 'zmx') },
    });
    rmSync(dir, { recursive: true });
    expect(parseVersion(text)).toMatchObject({ shim: true });
  });

  it.each(['', '0.7.0', 'zmx', 'zmx: command not found', 'zmx\t\tnone', 'usage: zmx 0.7.0 --help'])(
    'finds no version in %j',
    (text) => {
      expect(parseVersion(text)).toBeUndefined();
    },
  );
});

describe('compareVersions', () => {
  it('compares numbers, not text', () => {
    expect(compareVersions('0.10.0', '0.9.9')).toBeGreaterThan(0);
    expect(compareVersions('0.6.9', '0.7.0')).toBeLessThan(0);
    expect(compareVersions('0.7.0', '0.7.0')).toBe(0);
  });

  it('is antisymmetric, and zero only for equal versions', () => {
    const version = fc.tuple(fc.nat(20), fc.nat(20), fc.nat(20)).map((parts) => parts.join('.'));
    fc.assert(
      fc.property(version, version, (a, b) => {
        expect(Math.sign(compareVersions(a, b)) + Math.sign(compareVersions(b, a))).toBe(0);
        expect(compareVersions(a, b) === 0).toBe(a === b);
      }),
    );
  });
});

describe('the differences between versions', () => {
  it.each([
    ['0.5.0', 0.7],
    ['0.6.0', 0.7],
    ['0.7.0', 0],
    ['0.8.1', 0],
    ['0.9.0', 0],
  ])('let the supervisor of zmx %s stay %d s', (version, linger) => {
    expect(lingerSeconds(version)).toBe(linger);
  });

  it('name programs that exist', () => {
    const programs = readdirSync(new URL('../../src/host/programs', import.meta.url));
    const text = readFileSync(new URL('../../docs/zmx-versions.md', import.meta.url), 'utf8');
    const named = text.match(/[\w-]+\.sh/g) ?? [];
    expect(named.length).toBeGreaterThan(5);
    expect(named.filter((program) => !programs.includes(program))).toEqual([]);
  });
});
