import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeWrappedHost, type WrappedHost } from '../support/wrapped-host.ts';

describe('a host on which `tee` starts slowly', () => {
  let wrapped: WrappedHost;
  beforeAll(async () => {
    wrapped = await makeWrappedHost();
    wrapped.wrap('tee', 'sleep 1');
  });
  afterAll(() => wrapped?.remove());

  // The step acts before the log's writer runs.
  it.each([
    ['a FIFO', 'rm log; mkfifo log', 'interrupted'],
    ['a directory', 'rm log; mkdir log', 'interrupted'],
    ['nothing', 'rm log', 'interrupted'],
    ['another file', 'rm log; : >log', 'exited'],
  ])('ends a step that puts %s in the place of its log', async (what, act, kind) => {
    const { host } = wrapped;
    const launch = await wrapped.start(what.replaceAll(' ', '-'), `cd "\${0%/*}"; ${act}; echo printed`);
    expect(await host.wait(launch.id, { boundS: 60 })).toMatchObject({ kind });
    expect(await host.kill(launch.id, { graceS: 1 })).toMatchObject({ left: 0 });
  });

  it('keeps the whole log', async () => {
    const { host } = wrapped;
    const launch = await wrapped.start('whole', 'seq 20000');
    expect(await host.wait(launch.id, { boundS: 60 })).toMatchObject({ kind: 'exited', code: 0 });
    const { size } = await host.log(launch.id, { start: 0, maxBytes: 1 });
    expect(size).toBe(Array.from({ length: 20_000 }, (_, i) => `${i + 1}\r\n`).join('').length);
  });
});
