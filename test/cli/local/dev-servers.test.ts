import { mkdir, mkdtemp, readdir, realpath, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { findDevServers, recordDevDir } from '../../../src/cli/local/dev-servers.ts';
import { locateServer } from '../../../src/cli/server/locate-server.ts';
import { identify } from '../../../src/dev/temporal/process-identity.ts';
import { writeServerRecord } from '../../../src/dev/temporal/server-record.ts';
import { fakeContext } from '../fake-context.ts';

let home: string;
let listener: Server;
let address: string;

beforeEach(async () => {
  home = await realpath(await mkdtemp(join(tmpdir(), 'chandler-dev-servers-')));
  listener = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  address = `127.0.0.1:${(listener.address() as AddressInfo).port}`;
});
afterEach(async () => {
  await new Promise((resolve) => listener.close(resolve));
  await rm(home, { recursive: true, force: true });
});

const context = (env: Record<string, string> = {}) => ({
  ...fakeContext(),
  env: { XDG_STATE_HOME: home, ...env },
  verbosity: 'normal' as const,
});

/** A data directory on which a server runs: this process, and the listener of this test. */
async function serving(name: string, more: object = {}): Promise<string> {
  const dir = join(home, name);
  await mkdir(dir, { recursive: true });
  const own = await identify(process.pid);
  if (!own) throw new Error('this process does not live');
  await writeServerRecord(dir, { address, uiUrl: `http://${name}`, ...own, ...more });
  return dir;
}

describe('C13: the server of chandler dev', () => {
  test('is found by other commands, wherever its data is, until it is stopped', async () => {
    const forget = await recordDevDir(context(), await serving('elsewhere'));
    expect(await locateServer({}, context())).toMatchObject({
      address,
      origin: '`chandler dev`',
      uiUrl: 'http://elsewhere',
    });
    await forget();
    expect((await locateServer({}, context())).origin).toContain('no running `chandler dev`');
  });

  test('is found in its usual directory without an entry, and only once with one', async () => {
    const usual = await serving('chandler/dev');
    expect(await findDevServers(context())).toMatchObject([{ address, dir: usual }]);
    await recordDevDir(context(), usual);
    expect(await findDevServers(context())).toMatchObject([{ address, dir: usual }]);
  });

  test('is not guessed while another runs: the command lists both, and uses --address', async () => {
    await recordDevDir(context(), await serving('one'));
    await recordDevDir(context(), await serving('two'));
    const refused = await locateServer({}, context()).catch((error: Error) => error);
    expect(refused).toMatchObject({ exitCode: 2 });
    const { message } = refused as Error;
    expect(message).toContain('2 servers of `chandler dev` run; choose one, or set TEMPORAL_ADDRESS:');
    expect(message).toContain(`--address ${address}   (data in ${join(home, 'one')})`);
    expect(message).toContain(`(data in ${join(home, 'two')})`);
    expect(await locateServer({ address: 'other:1' }, context())).toMatchObject({ address: 'other:1' });
    expect(await locateServer({}, context({ TEMPORAL_ADDRESS: 'other:2' }))).toMatchObject({
      address: 'other:2',
    });
  });

  test('that was killed does not count, and the next dev removes its entry', async () => {
    const killed = await serving('killed', { startMark: 'of an earlier process' });
    await recordDevDir(context(), killed);
    await recordDevDir(context(), await serving('alive'));
    await rm(join(home, 'alive'), { recursive: true });
    expect(await findDevServers(context())).toEqual([]);
    const registry = join(home, 'chandler/dev-servers');
    await writeFile(join(registry, 'strange'), '');
    await recordDevDir(context(), await serving('next'));
    expect(await findDevServers(context())).toMatchObject([{ dir: join(home, 'next') }]);
    expect(await readdir(registry)).toHaveLength(2);
  });
});
