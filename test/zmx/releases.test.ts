import { describe, expect, it } from 'vitest';
import { releaseFor } from '../../src/zmx/index.ts';

const HASH = 'a'.repeat(64);

describe('releaseFor', () => {
  it('pins the default version for both CPU architectures, under all their names', () => {
    const x86 = {
      version: '0.7.0',
      url: 'https://zmx.sh/a/zmx-0.7.0-linux-x86_64.tar.gz',
      sha256: '8b8783d7b120c9ffd0acf4aee37969054dc0dfef3c4f3a4728d2efd35f2e97a0',
    };
    const arm = {
      version: '0.7.0',
      url: 'https://zmx.sh/a/zmx-0.7.0-linux-aarch64.tar.gz',
      sha256: '77599f66124694fae80bbb1d2fa0eafdb8c648b427a048cad90513ecf6136fc9',
    };
    expect(releaseFor({ arch: 'x86_64' })).toEqual(x86);
    expect(releaseFor({ arch: 'amd64' })).toEqual(x86);
    expect(releaseFor({ arch: 'aarch64' })).toEqual(arm);
    expect(releaseFor({ arch: 'arm64' })).toEqual(arm);
  });

  it('downloads 0.6.0 from GitHub, where its hash is stable', () => {
    expect(releaseFor({ arch: 'x86_64', version: '0.6.0' }).url).toBe(
      'https://github.com/neurosnap/zmx/releases/download/v0.6.0/zmx-0.6.0-linux-x86_64.tar.gz',
    );
  });

  it('has a complete hash for every version and CPU architecture', () => {
    for (const version of ['0.5.0', '0.6.0', '0.7.0', '0.8.1']) {
      for (const arch of ['x86_64', 'aarch64']) {
        expect(releaseFor({ arch, version }).sha256).toMatch(/^[0-9a-f]{64}$/);
      }
    }
  });

  it('uses the pinned hash for a mirror unless the plan overrides it', () => {
    const url = 'http://mirror/zmx.tar.gz';
    expect(releaseFor({ arch: 'x86_64', url })).toMatchObject({
      url,
      sha256: expect.stringMatching(/^8b8783/),
    });
    expect(releaseFor({ arch: 'x86_64', sha256: HASH }).sha256).toBe(HASH);
    expect(releaseFor({ arch: 'riscv64', url, sha256: HASH })).toEqual({
      version: '0.7.0',
      url,
      sha256: HASH,
    });
    expect(releaseFor({ arch: 'x86_64', version: '9.9.9', sha256: HASH }).url).toBe(
      'https://zmx.sh/a/zmx-9.9.9-linux-x86_64.tar.gz',
    );
  });

  it.each(['armv7l', 'i686', 'riscv64', '', 'constructor'])(
    'has no release for the CPU architecture %j',
    (arch) => {
      expect(() => releaseFor({ arch })).toThrow(
        expect.objectContaining({
          code: 'host-unsupported',
          advice: expect.stringContaining('zmx.source: tmux'),
        }),
      );
    },
  );

  it('refuses a version that is too old, whatever its hash', () => {
    expect(() =>
      releaseFor({ arch: 'x86_64', version: '0.4.2', url: 'http://mirror/zmx', sha256: HASH }),
    ).toThrow(
      expect.objectContaining({ code: 'zmx-unavailable', advice: expect.stringContaining('0.5.0 or newer') }),
    );
  });

  it.each(['0.9.9', 'constructor'])('requires a hash for the unknown version %s', (version) => {
    expect(() => releaseFor({ arch: 'x86_64', version })).toThrow(
      expect.objectContaining({ code: 'zmx-unavailable', advice: expect.stringContaining('zmx.sha256') }),
    );
  });
});
