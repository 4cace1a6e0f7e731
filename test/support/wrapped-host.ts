import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeLaunch, type Launch } from '../../src/domain/run/ids.ts';
import type { Host } from '../../src/host/host.ts';
import { renderLaunchBody } from '../../src/host/launch-body.ts';
import { hostAt } from './host-at.ts';
import { LocalExecutor } from './local-executor.ts';

export interface WrappedHost {
  readonly host: Host;
  /** Has a program of the host run these shell lines first, each time that it is called. */
  wrap(name: string, lines: string): void;
  /** Starts a launch without a session. */
  start(step: string, script: string): Promise<Launch>;
  remove(): void;
}

/** A host on this machine whose programs can be wrapped. */
export async function makeWrappedHost(): Promise<WrappedHost> {
  const dir = mkdtempSync(join(tmpdir(), 'chandler-wrapped-host-'));
  const bin = join(dir, 'bin');
  for (const path of [bin, join(dir, 'state/bin')]) mkdirSync(path, { recursive: true });
  const executor = new LocalExecutor({ env: { ...process.env, PATH: `${bin}:${process.env['PATH']}` } });
  const host = hostAt(executor, join(dir, 'state'));
  await host.installPrograms();
  return {
    host,
    wrap(name, lines) {
      const real = `PATH=\${PATH#*:}; exec ${name} "$@"`;
      writeFileSync(join(bin, name), `#!/bin/sh\n${lines}\n${real}\n`, { mode: 0o755 });
    },
    async start(step, script) {
      const launch = makeLaunch(`run ${process.pid}`, step, 'finalizer', 1);
      await host.create(launch.id, renderLaunchBody(launch, { script, env: {} }));
      await host.start(launch.id, { secrets: '', boundS: 60 });
      return launch;
    },
    remove: () => rmSync(dir, { recursive: true, maxRetries: 5 }),
  };
}
