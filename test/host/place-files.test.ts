import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { DeliveredFile } from '../../src/host/placed-files.ts';
import { renderFilesCheck, renderPlacement } from '../../src/host/render-files.ts';
import { sha256Of } from '../../src/host/sha256.ts';
import { PlacementDir } from '../support/placement-dir.ts';

const isRoot = process.getuid?.() === 0;
const SHELLS: [string, string[]][] = [
  ['dash', ['dash']],
  ['bash', ['bash']],
  ['busybox', ['busybox', 'sh']],
];

let host: PlacementDir;
beforeEach(() => {
  host = new PlacementDir();
});
afterEach(() => host.remove());

describe.each(SHELLS)('files, placed by %s', (_, shell) => {
  it('have their bytes, mode and path, and the script runs in its place', async () => {
    const names = ["a b'$(touch x)", '-rf', '\\n', '…', '*', '"'];
    const binary = Buffer.from(Array.from({ length: 200_000 }, (_, i) => (i * 7) % 256));
    const files = [
      ...names.map((name) => host.packed(`deep/er/${name}`, name)),
      host.packed('binary', binary, { mode: '4755' }),
      host.packed('empty', '', { mode: '0000' }),
    ];
    const script = '#!/bin/sh\nset -- "$0" "$@"; echo "$# ${0##*/}$EXTRA"; exit 3';
    const { code, output, left } = await host.run(files, {
      script,
      shell,
      env: { EXTRA: '!', mode: 'x', PATH: '/bin' },
    });
    expect(output).toBe(
      [...files.map(({ path }) => `placed ${path.replace(host.at(), '')}`), '1 script!', ''].join('\n'),
    );
    expect([code, left]).toEqual([3, script]);
    for (const name of names) expect(readFileSync(host.at('deep/er', name), 'utf8')).toBe(name);
    expect(readFileSync(host.at('binary')).equals(binary)).toBe(true);
    expect(statSync(host.at('empty')).size).toBe(0);
    expect(
      ['binary', 'empty', 'deep/er/…', 'deep'].map((name) => statSync(host.at(name)).mode & 0o7777),
    ).toEqual([0o4755, 0, 0o644, 0o755]);
    expect(host.staged()).toEqual([]);
  });

  it('may be secret: the script neither holds nor sees the content', async () => {
    const value = "top 'secret'\n$(id)\\n\n";
    const file: DeliveredFile = {
      path: host.at('key'),
      mode: '0600',
      sha256: sha256Of(value),
      variable: 'CHANDLER_FILE_0',
      value,
    };
    expect(renderPlacement([file], 'x')).not.toMatch(/top|secret'|id\)/);
    expect(renderPlacement([file], 'x')).not.toContain(file.sha256);
    const { output } = await host.run([file], { shell, script: 'env', env: { CHANDLER_FILE_0: value } });
    expect(output).not.toMatch(/top|CHANDLER_FILE/);
    expect(readFileSync(host.at('key'), 'utf8')).toBe(value);
  });

  it('replace a file and a link, and nothing that the link leads to', async () => {
    mkdirSync(host.at('directory'), { recursive: true });
    writeFileSync(host.at('file'), 'old', { mode: 0o600 });
    for (const [name, to] of [
      ['link', 'file'],
      ['dangling', 'nowhere'],
      ['up', 'directory'],
    ] as const)
      symlinkSync(to, host.at(name));
    const names = ['link', 'dangling', 'up'];
    expect(
      (
        await host.run(
          names.map((name) => host.packed(name, 'new')),
          { shell },
        )
      ).code,
    ).toBe(0);
    expect(
      names.map((name) => lstatSync(host.at(name)).isFile() && readFileSync(host.at(name), 'utf8')),
    ).toEqual(names.map(() => 'new'));
    expect(readFileSync(host.at('file'), 'utf8')).toBe('old');
    expect(existsSync(host.at('nowhere'))).toBe(false);
  });

  it.each<[string, () => void, DeliveredFile[] | (() => DeliveredFile[]), RegExp]>([
    [
      'a directory',
      () => mkdirSync(host.at('x'), { recursive: true }),
      () => [host.packed('x', 'x')],
      /\/x: it is a directory/,
    ],
    [
      'a FIFO',
      () => {
        mkdirSync(host.at());
        spawnSync('mkfifo', [host.at('x')]);
      },
      () => [host.packed('x', 'x')],
      /\/x: it is a device, a FIFO or a socket/,
    ],
    [
      'a file as a directory',
      () => {
        mkdirSync(host.at());
        writeFileSync(host.at('x'), 'x');
      },
      () => [host.packed('x/y', 'x')],
      /\/x\/y: .*Not a directory|\/x\/y: .*File exists/i,
    ],
    [
      'an unknown owner',
      () => undefined,
      () => [host.packed('x', 'x', { owner: 'nobody-here' })],
      /\/x: .*nobody-here/,
    ],
    [
      'other bytes than expected',
      () => undefined,
      () => [host.packed('x', 'x', { sha256: 'a'.repeat(64) })],
      /\/x: its content has the sha256 2d71\w+, expected aaaa/,
    ],
    [
      'an address that does not answer',
      () => undefined,
      () => [{ path: host.at('x'), mode: '0644', sha256: sha256Of(''), url: 'http://127.0.0.1:9/x' }],
      /\/x: .*(127\.0\.0\.1|refused)/,
    ],
  ])(
    'are refused, none is placed, and the script does not run, for %s',
    async (_, prepare, files, message) => {
      prepare();
      const all = [
        host.packed('first', '1'),
        ...(typeof files === 'function' ? files() : files),
        host.packed('last', '1'),
      ];
      const { code, output } = await host.run(all, { shell });
      expect(code).toBe(73);
      expect(output).toMatch(/^cannot place /);
      expect(output).toMatch(message);
      expect(output.split('\n')).toHaveLength(2);
      expect([existsSync(host.at('first')), existsSync(host.at('last')), host.staged()]).toEqual([
        false,
        false,
        [],
      ]);
    },
  );

  it.runIf(isRoot)('get their owner', async () => {
    const owners = ['daemon', 'daemon:daemon', '1:1', 'root:1'];
    await host.run(
      owners.map((owner) => host.packed(owner, 'x', { owner, mode: '4755' })),
      { shell },
    );
    const found = owners.map((name) => {
      const { uid, gid, mode } = statSync(host.at(name));
      return [uid, gid, mode & 0o7777];
    });
    expect(found).toEqual([
      [1, 0, 0o4755],
      [1, 1, 0o4755],
      [1, 1, 0o4755],
      [0, 1, 0o4755],
    ]);
  });

  it('are in place or not, as the check of the step sees it', async () => {
    const file = host.packed('x', 'x');
    const check = () => {
      const [command = '', ...args] = shell;
      return spawnSync(command, [...args, '-c', renderFilesCheck([file], 'exit 7')]).status;
    };
    expect(check()).toBe(1);
    await host.run([file], { shell });
    expect(check()).toBe(7);
    const wrongs = [
      () => writeFileSync(host.at('x'), 'y'),
      () => spawnSync('chmod', ['600', host.at('x')]),
      () => spawnSync('chmod', ['4644', host.at('x')]),
      () => rmSync(host.at('x')),
      ...(isRoot ? [() => spawnSync('chown', ['daemon', host.at('x')])] : []),
      () => {
        writeFileSync(host.at('y'), 'x');
        rmSync(host.at('x'));
        symlinkSync('y', host.at('x'));
      },
    ];
    for (const wrong of wrongs) {
      wrong();
      expect(check()).toBe(1);
      await host.run([file], { shell });
      expect(check()).toBe(7);
    }
  });
});

describe('files from an address', () => {
  let server: Server;
  let origin: string;
  beforeAll(async () => {
    server = createServer(({ url = '' }, response) => {
      if (url.startsWith('/away')) response.writeHead(302, { location: 'file:///etc/passwd' }).end();
      else if (url.startsWith('/moved')) response.writeHead(302, { location: '/good' }).end();
      else if (url.startsWith('/gone')) response.writeHead(404).end('not here');
      else response.end('from afar');
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => server.close());
  const remote = (path: string, content = 'from afar'): DeliveredFile => ({
    path: host.at('x'),
    mode: '0755',
    sha256: sha256Of(content),
    url: `${origin}${path}`,
  });
  const tools = (tool: string) => {
    const bin = join(host.dir, 'bin');
    mkdirSync(bin);
    for (const name of [
      'tail',
      'head',
      'base64',
      'grep',
      'cut',
      'cat',
      'rm',
      'mv',
      'chmod',
      'sha256sum',
      'sync',
      'df',
      'awk',
      'mkdir',
      tool,
    ])
      symlinkSync(spawnSync('which', [name]).stdout.toString().trim(), join(bin, name));
    return bin;
  };

  it.each(['/good', '/moved', '/good?[1-3]{a,b}&x=$(id)'])('are fetched: %s', async (path) => {
    expect(await host.run([remote(path)])).toMatchObject({ code: 0, output: 'placed /x\nran\n' });
    expect(readFileSync(host.at('x'), 'utf8')).toBe('from afar');
  });

  it.each([
    ['/gone', /404/],
    ['/away', /file|rotocol/],
  ])('are refused: %s', async (path, message) => {
    const { code, output } = await host.run([remote(path)]);
    expect([code, existsSync(host.at('x'))]).toEqual([73, false]);
    expect(output).toMatch(message);
  });

  it('are refused with another checksum, and leave the file as it was', async () => {
    mkdirSync(host.at());
    writeFileSync(host.at('x'), 'old');
    expect(await host.run([remote('/good', 'other')])).toMatchObject({ code: 73 });
    expect([readFileSync(host.at('x'), 'utf8'), host.staged()]).toEqual(['old', []]);
  });

  it('are fetched with wget on a host without curl', async () => {
    // The PATH that the program adds has curl.
    const text = renderPlacement([remote('/good')], 'echo ran').replace(/^LC_ALL=C PATH=.*$/m, 'LC_ALL=C');
    writeFileSync(join(host.dir, 'script'), text);
    const child = spawn('/bin/bash', [join(host.dir, 'script')], { env: { PATH: tools('wget') } });
    let output = '';
    child.stdout.on('data', (chunk) => (output += String(chunk)));
    await once(child, 'close');
    expect(output).toMatch(/placed .*\n/);
    expect(readFileSync(host.at('x'), 'utf8')).toBe('from afar');
  });
});
