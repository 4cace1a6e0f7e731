// Runs each preset's scripts on a host with real apt, npm, nft and accounts. Only two programs are stand-ins: the Docker
// daemon, which needs a whole machine, and mise, which downloads from many sites. go-faults.test.ts also tests `egress`.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { sandboxExec } from '../support/sandbox-control.ts';
import type { Step } from '../../src/domain/plan/schema.ts';
import { presets, script, type ScriptOptions } from '../../src/library/index.ts';
import { startHost, type TestHost } from '../support/hosts.ts';

const STATE = '/var/lib/chandler';

describe('the preset', () => {
  let host: TestHost;
  let server: Server;
  let url: string;
  /** The server's files by path, and the paths that were requested. */
  const files: Record<string, Buffer> = {};
  const asked: string[] = [];
  beforeAll(async () => {
    host = await startHost();
    server = createServer((request, response) => {
      asked.push(request.url ?? '');
      response.end(files[request.url ?? '']);
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(async () => {
    server?.close();
    await host?.stop();
  });
  beforeEach(() => asked.splice(0));

  const sh = async (command: string) => {
    const { stdout, stderr, code } = await sandboxExec(host, ['sh', '-c', command]);
    if (code !== 0) throw new Error(`exit ${code}: ${stderr}${stdout}`);
    return stdout;
  };
  const putProgram = (path: string, lines: readonly string[]) =>
    sandboxExec(host, ['sh', '-c', `cat >${path} && chmod 755 ${path}`], {
      stdin: ['#!/bin/sh', ...lines, ''].join('\n'),
    });
  /** The steps of a preset with changed settings and one attempt each. */
  const stepsOf = (name: string, env: Record<string, string> = {}): Step[] =>
    presets
      .plan(name)
      .steps.map((step) => ({ ...step, retry: { attempts: 1 }, env: { ...step.env, ...env } }));
  const provision = (steps: Step[], options: ScriptOptions = {}) =>
    sandboxExec(host, ['sh', '-s'], { stdin: script(steps, { zmx: { source: 'tmux' }, ...options }) });
  /** Provisions the host after removing Chandler's records of earlier work. */
  const provisionAnew = async (steps: Step[], options: ScriptOptions = {}) => {
    await sh(`rm -rf ${STATE}/launches ${STATE}/script ${STATE}/provisioned`);
    return provision(steps, options);
  };

  it('docker fails until a daemon answers, and is satisfied afterwards', async () => {
    await putProgram('/usr/local/bin/docker', [
      'if [ -e /run/docker-answers ]; then echo "Server 20"; exit; fi',
      'echo "Cannot connect to the Docker daemon" >&2; exit 1',
    ]);
    const steps = stepsOf('docker', { PACKAGES: 'tini', ANSWER_WITHIN_S: '1' });
    const first = await provision(steps);
    expect([first.code, first.stdout]).toEqual([
      1,
      expect.stringMatching(
        /docker: done\n[^]*no Docker daemon has answered within 1 s[^]*Cannot connect to the Docker daemon/,
      ),
    ]);
    expect(await sh('dpkg-query -W -f "\\${Status}" tini')).toBe('install ok installed');
    expect(JSON.parse(await sh('cat /etc/docker/daemon.json'))).toEqual({
      'log-driver': 'json-file',
      'log-opts': { 'max-size': '10m', 'max-file': '3' },
      'live-restore': true,
    });
    await sh('touch /run/docker-answers');
    expect((await provision(steps)).stdout).toMatch(/docker: was done before[^]* provisioned: /);
    expect((await provisionAnew(steps)).stdout).toMatch(/docker: is satisfied[^]* provisioned: /);
  });

  it('docker keeps existing settings, adds users to its group, and installs the command where it is a separate package', async () => {
    await putProgram('/root/docker', ['echo "Server 26"']);
    await putProgram('/usr/local/bin/apt-get', [
      'echo "$*" >>/root/apt-calls',
      'case $* in *docker-cli) mv /root/docker /usr/local/bin/docker ;; esac',
    ]);
    await sh(`rm -f /usr/local/bin/docker; getent group docker || groupadd docker; useradd other
      mkdir -p /etc/docker; echo '{ "mtu": 1400 }' >/etc/docker/daemon.json`);
    const { stdout } = await provisionAnew(stepsOf('docker', { DOCKER_USERS: 'app' }));
    expect(stdout).toMatch(/docker: done[^]* provisioned: /);
    expect((await sh('cat /root/apt-calls; rm /usr/local/bin/apt-get')).trim().split('\n')).toEqual([
      'update -qq',
      expect.stringMatching(/^install .* docker\.io apparmor ca-certificates$/),
      expect.stringMatching(/^install .* docker-cli$/),
    ]);
    expect(await sh('cat /etc/docker/daemon.json; id -nG app')).toBe('{ "mtu": 1400 }\napp docker\n');
    const satisfied = async (users: string) => {
      const [step] = stepsOf('docker');
      return (await sandboxExec(host, ['env', `DOCKER_USERS=${users}`, 'bash', '-c', step!.check!])).code;
    };
    expect([await satisfied('app'), await satisfied('app other')]).toEqual([0, 1]);
  });

  it('toolchain runs nothing from an archive with a wrong hash, and installs its tools for all users', async () => {
    const [version] = stepsOf('toolchain').map(({ env }) => env?.['MISE_VERSION']);
    files['/mise.tgz'] = await tarball({
      'package/bin/mise': [
        '#!/bin/sh',
        'echo "$*" >>/root/mise-calls',
        'case $1 in',
        `  --version) echo '${version} linux-x64 (a stand-in)' ;;`,
        '  use)',
        '    mkdir -p "$MISE_DATA_DIR/shims" && ln -sf /bin/true "$MISE_DATA_DIR/shims/a-tool"',
        '    mkdir -p "${MISE_GLOBAL_CONFIG_FILE%/*}" && echo "$4" >"$MISE_GLOBAL_CONFIG_FILE" ;;',
        '  ls) case $* in *--missing) cat /root/missing 2>/dev/null || : ;; *) echo a-tool ;; esac ;;',
        'esac',
      ].join('\n'),
    });
    const right = createHash('sha512').update(files['/mise.tgz']).digest('hex');
    const env = { MISE_URL: `${url}/mise.tgz`, TOOLS: 'a@1 b@2' };
    await sh('rm -f /usr/local/bin/mise');

    const wrong = await provisionAnew(stepsOf('toolchain', { ...env, MISE_SHA512: '0'.repeat(128) }));
    expect([wrong.code, wrong.stdout]).toEqual([
      1,
      expect.stringContaining(`has another sha512 than MISE_SHA512: ${right}`),
    ]);
    expect(await sh('ls /root/mise-calls /usr/local/bin/mise 2>/dev/null || :')).toBe('');

    const steps = stepsOf('toolchain', { ...env, MISE_SHA512: right });
    await sh('echo a@1 >/root/missing');
    expect((await provisionAnew(steps)).stdout).toContain('tools (finalizer): failed: exit code 1');
    await sh('rm /root/missing');
    expect((await provision(steps)).code).toBe(0);
    expect(await sh('cat /root/mise-calls')).toContain('use --global --yes a@1 b@2\n');
    expect(await sh("su - app -c 'command -v a-tool; cat /etc/mise/config.toml'")).toBe(
      '/usr/local/share/mise/shims/a-tool\na@1\n',
    );

    asked.length = 0;
    expect((await provisionAnew(steps)).stdout).toMatch(/mise: is satisfied[^]* provisioned: /);
    expect(asked).toEqual([]);
  });

  it("pixels installs and updates agents for one user, on the path of that user's next login", async () => {
    const agent = async (version: string) => {
      files[`/agent-${version}.tgz`] = await tarball({
        'package/package.json': JSON.stringify({
          name: 'an-agent',
          version,
          bin: { 'an-agent': 'agent.js' },
        }),
        'package/agent.js': `#!/usr/bin/env node\nconsole.log('${version} of', require('os').userInfo().username);\n`,
      });
      return stepsOf('pixels', { AGENTS: `${url}/agent-${version}.tgz` });
    };
    const { bootstrap, sentinel } = presets.plan('pixels');
    await sh(`touch ${bootstrap!.marker}`);
    for (const version of ['1.0.0', '1.1.0']) {
      const { code, stdout } = await provisionAnew(await agent(version), { bootstrap, sentinel });
      expect([code, stdout]).toEqual([0, expect.stringContaining(`provisioned: ${sentinel!.path}`)]);
      expect(await sh("su - pixel -c 'command -v an-agent; an-agent'")).toBe(
        `/home/pixel/.local/bin/an-agent\n${version} of pixel\n`,
      );
      // In every login shell, not only with the startup files that Debian creates for a new user.
      expect(await sh('stat -c %a /etc/profile.d/50-agents.sh; find /home/pixel -user root')).toBe('644\n');
      await sh(`rm ${sentinel!.path}`);
    }
  });

  it('egress renews the time of an address that is still valid', async () => {
    await sh("printf '203.0.113.9 allowed.test\\n' >>/etc/hosts");
    // Without the finalizer, which would change the network of this machine.
    const [{ finalize: _, ...step }] = stepsOf('egress', { ALLOW: 'allowed.test' }) as [Step];
    const asMachine = { stdin: step.script ?? '', asMachine: true };
    const env = Object.entries(step.env ?? {}).map(([name, value]) => `${name}=${value}`);
    expect(await sandboxExec(host, ['env', ...env, 'bash', '-s'], asMachine)).toMatchObject({ code: 0 });
    const inOwnNetwork = `
      set -e; ip addr add 203.0.113.1/32 dev lo; ip link set lo up
      egress lock; egress refresh; sleep 2
      nft -j list set inet egress allow4; egress refresh; nft -j list set inet egress allow4`;
    const { stdout } = await sandboxExec(host, ['unshare', '--net', 'sh', '-c', inOwnNetwork], asMachine);
    const [before, after] = [...stdout.matchAll(/"val": ?"203\.0\.113\.9".*?"expires": ?(\d+)/g)].map(
      ([, s]) => Number(s),
    );
    expect(before).toBeLessThanOrEqual(1798);
    expect(after).toBeGreaterThan(before!);
  });

  it('D11: egress reports why it cannot work on a host that shares its network, and changes nothing', async () => {
    const rules = () => promisify(execFile)('nft', ['list', 'ruleset']).then((output) => output.stdout);
    const before = await rules();
    await sh('rm -rf /etc/egress');
    const { code, stdout } = await provisionAnew(stepsOf('egress'));
    expect([code, stdout]).toEqual([
      1,
      expect.stringMatching(/egress cannot be restricted here: .*not permitted.*network of its own/),
    ]);
    expect(await rules()).toBe(before);
    expect(await sh('ls /etc/egress 2>&1 || :')).toContain('No such file');
  });

  it.each([
    ['docker', 'this preset is for Debian and Ubuntu'],
    ['toolchain', 'the host has no curl, and no apt-get'],
    ['pixels', 'the host lacks git curl, and has no apt-get'],
    ['egress', 'the host lacks nftables, and has no apt-get'],
  ])('%s reports what is missing on another distribution', async (name, message) => {
    await sh('for t in apt-get docker git curl nft; do while p=$(command -v $t); do rm -f "$p"; done; done');
    const { code, stdout } = await provisionAnew(stepsOf(name, { MISE_VERSION: 'another' }));
    expect([code, stdout]).toEqual([1, expect.stringContaining(message)]);
  });
});

/** A gzipped archive like those of npm's registry. */
async function tarball(contents: Record<string, string>): Promise<Buffer> {
  const dir = await mkdtemp(join(tmpdir(), 'chandler-tarball-'));
  for (const [path, text] of Object.entries(contents)) {
    await mkdir(dirname(join(dir, path)), { recursive: true });
    await writeFile(join(dir, path), text, { mode: 0o755 });
  }
  const { stdout } = await promisify(execFile)('tar', ['-czf', '-', '-C', dir, 'package'], {
    encoding: 'buffer',
  });
  await rm(dir, { recursive: true });
  return stdout;
}
