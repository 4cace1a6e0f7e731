import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeWrappedHost, type WrappedHost } from '../support/wrapped-host.ts';

/** A terminal that goes away sends SIGHUP to everything that runs in it, also to the supervisor's own helpers. */
describe('a hang-up of everything in the terminal', () => {
  let wrapped: WrappedHost;
  /** Has a program be hung up each time that the supervisor begins it. */
  const hangUp = (name: string, when: string) => {
    const calledByIt = `tr '\\0' ' ' </proc/$PPID/cmdline | grep -q '^bash [^ ]*supervise-'`;
    wrapped.wrap(name, `if ${when} && ${calledByIt}; then kill -HUP $$; fi`);
  };
  beforeAll(async () => {
    wrapped = await makeWrappedHost();
    for (const name of ['date', 'tee', 'mv', 'head', 'sync']) hangUp(name, 'true');
    // As a program of the step itself it may be hung up.
    hangUp('script', '[ "$1" = --version ]');
  });
  afterAll(() => wrapped?.remove());

  it('leaves its records whole and the step on its terminal', async () => {
    const { host } = wrapped;
    const launch = await wrapped.start('a', 'tty; exit 3');
    expect(await host.wait(launch.id, { boundS: 60 })).toMatchObject({ kind: 'exited', code: 3 });
    const { bytes } = await host.log(launch.id, { start: 0, maxBytes: 1000 });
    expect(Buffer.from(bytes).toString()).toMatch(/^\/dev\/pts\/\d+\r\n$/);
  });
});
