import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeLaunch } from '../../src/domain/ids.ts';
import { Host } from '../../src/host/host.ts';
import { renderLaunchBody } from '../../src/host/launch-body.ts';
import { loadPrograms } from '../../src/host/programs.ts';
import { upload } from '../../src/ssh/index.ts';
import { LocalExecutor } from '../support/local-executor.ts';

/** A terminal that goes away tells everything that runs in it, the supervisor's own helpers, too. */
describe('a hang-up of everything in the terminal', () => {
  const dir = mkdtempSync(join(tmpdir(), 'chandler-hang-up-'));
  const bin = join(dir, 'bin');
  const executor = new LocalExecutor({ env: { ...process.env, PATH: `${bin}:${process.env['PATH']}` } });
  const host = new Host(executor, loadPrograms(), (file) => upload(executor, file), join(dir, 'state'));

  /** Has a program be hung up each time that the supervisor begins it. */
  const hangUp = (name: string, when: string) => {
    const path = join(bin, name);
    const real = `PATH=\${PATH#*:}; exec ${name} "$@"`;
    const calledByIt = `tr '\\0' ' ' </proc/$PPID/cmdline | grep -q '^bash [^ ]*supervise-'`;
    writeFileSync(path, `#!/bin/sh\nif ${when} && ${calledByIt}; then kill -HUP $$; fi\n${real}\n`);
    chmodSync(path, 0o755);
  };
  beforeAll(async () => {
    for (const path of [bin, join(dir, 'state/bin')]) mkdirSync(path, { recursive: true });
    await host.installPrograms();
    for (const name of ['date', 'tee', 'mv', 'head', 'sync']) hangUp(name, 'true');
    // As a program of the step itself it may be hung up.
    hangUp('script', '[ "$1" = --version ]');
  });
  afterAll(() => rmSync(dir, { recursive: true, maxRetries: 5 }));

  it('leaves its records whole and the step on its terminal', async () => {
    const launch = makeLaunch(`run ${process.pid}`, 'a', 'finalizer', 1);
    await host.create(launch.id, renderLaunchBody(launch, { script: 'tty; exit 3', env: {} }, 0));
    await host.start(launch.id, { secrets: '', boundS: 60 });
    expect(await host.wait(launch.id, { boundS: 60 })).toMatchObject({ kind: 'exited', code: 3 });
    const { bytes } = await host.log(launch.id, 0, 1000);
    expect(Buffer.from(bytes).toString()).toMatch(/^\/dev\/pts\/\d+\r\n$/);
  });
});
