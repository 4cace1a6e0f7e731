import { existsSync } from 'node:fs';
import { mkdtemp, readFile, realpath, rm, symlink } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { sandboxDown, sandboxList, sandboxUp } from '../../src/dev/sandbox/index.ts';
import { sandboxExec, sandboxReboot } from '../support/sandbox-control.ts';

describe('a host on a Docker engine', () => {
  let stub: string;
  let greeter: Server;
  beforeEach(async () => {
    stub = await realpath(await mkdtemp(join(tmpdir(), 'chandler-docker-stub-')));
    await symlink(fileURLToPath(new URL('./docker-stub.sh', import.meta.url)), join(stub, 'docker'));
    greeter = createServer((socket) => socket.end('SSH-2.0-stub\r\n'));
    await new Promise<void>((resolve) => greeter.listen(0, '127.0.0.1', resolve));
    vi.stubEnv('STUB', stub);
    vi.stubEnv('STUB_PORT', String((greeter.address() as AddressInfo).port));
    vi.stubEnv('PATH', `${stub}:${process.env['PATH']}`);
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    greeter.close();
    await rm(stub, { recursive: true });
  });

  it('is built, created, listed, entered and removed with plain docker commands', async () => {
    const dir = join(stub, 'hosts');
    const folder = join(dir, 'sandbox-1');
    const lines: string[] = [];
    const [host] = await sandboxUp({ dir, count: 1, announce: (line) => lines.push(line) });
    if (host === undefined) throw new Error('a host expected');
    const image = /building (\S+) with docker/.exec(lines.join('\n'))?.[1];
    expect(host).toMatchObject({ name: 'sandbox-1', backend: 'docker', container: 'c0ffee' });
    expect(await readFile(join(stub, 'image'), 'utf8')).toContain('FROM debian:12-slim');
    expect(await readFile(join(stub, 'copied'), 'utf8')).toBe(
      'authorized_keys\nconfined.sh\nenter.sh\nhost_key\nhost_key.pub\ninit.sh\nno-keys.pl\nsshd.sh\nsshd_config\n',
    );
    expect(await readFile(join(folder, 'etc', 'sshd_config'), 'utf8')).toContain(
      'ListenAddress 0.0.0.0:22\n',
    );
    expect(await readFile(host.knownHosts, 'utf8')).toContain(`[127.0.0.1]:${host.port} ssh-ed25519 `);
    expect(await sandboxList({ dir })).toEqual([{ ...host, running: true }]);
    await sandboxExec(host, ['true']);
    await expect(sandboxReboot(host)).rejects.toThrow('only namespace hosts');
    await sandboxDown({ dir });
    expect(existsSync(dir)).toBe(false);
    expect((await readFile(join(stub, 'log'), 'utf8')).trim().split('\n')).toEqual([
      'docker info --format {{.ServerVersion}}',
      `docker image inspect --format {{.Id}} ${image}`,
      `docker build --quiet --tag ${image} --build-arg EXTRA_PACKAGES= -`,
      `docker create --hostname sandbox-1 --label chandler.sandbox=${folder} --publish 127.0.0.1::22 ${image}`,
      `docker cp ${folder}/etc/. c0ffee:/etc/sandbox`,
      'docker start c0ffee',
      'docker port c0ffee 22/tcp',
      'docker inspect --format {{.State.Running}} c0ffee',
      'docker exec --interactive c0ffee env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root true',
      `docker ps --all --quiet --no-trunc --filter label=chandler.sandbox=${folder}`,
      'docker rm --force --volumes c0ffee',
    ]);
  });
});
