// The numbered faults of an earlier Go implementation, which this one must not have.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import type { SandboxHost } from '../../src/dev/sandbox/index.ts';
import { sandboxExec, sandboxReboot } from '../support/sandbox-control.ts';
import type { Step } from '../../src/domain/plan/schema.ts';
import { loadPrograms } from '../../src/host/programs.ts';
import { parseSessions, presets, Runner, script, type ScriptOptions } from '../../src/library/index.ts';
import type { Executor } from '../../src/ssh/index.ts';
import { startHost, type TestHost } from '../support/hosts.ts';
import { poll } from '../support/poll.ts';

describe('unlike the Go package', () => {
  let host: TestHost;
  beforeAll(async () => {
    host = await startHost();
  });
  afterAll(() => host?.stop());
  beforeEach(() =>
    sh(
      'rm -rf /root/ran /root/met-* /root/fixed /root/ready /var/lib/chandler/launches /var/lib/chandler/provisioned',
    ),
  );

  const sh = async (command: string) => {
    const { stdout, stderr, code } = await sandboxExec(host, ['sh', '-c', command]);
    if (code !== 0) throw new Error(`exit ${code}: ${stderr}${stdout}`);
    return stdout;
  };
  const provision = (steps: Step[], options: ScriptOptions = {}) =>
    sandboxExec(host, ['sh', '-s'], { stdin: script(steps, { zmx: { source: 'tmux' }, ...options }) });
  const failing: Step[] = [
    { name: 'bad', script: 'echo "what went wrong"; exit 7' },
    { name: 'slow', script: 'sleep 0.7; echo slow >>/root/ran', finalize: 'echo fin >>/root/ran' },
  ];

  it('1. steps run at the same time, and a failure does not abort the others', async () => {
    await provision(failing);
    expect(await sh('cat /root/ran')).toBe('slow\n');
    // Each step waits for the other, so they end only at the same time.
    const meet = (own: string, other: string): Step => ({
      name: own,
      script: `touch /root/met-${own}; until [ -e /root/met-${other} ]; do sleep 0.05; done`,
      timeout: '1m',
    });
    expect((await provision([meet('one', 'two'), meet('two', 'one')])).code).toBe(0);
  });

  it('2. a failure prints the log of the step', async () => {
    const { code, stdout } = await provision(failing);
    expect([code, stdout]).toEqual([1, expect.stringContaining('    | what went wrong\n')]);
  });

  it('3. the session of a failed step stays after the other steps are ended', async () => {
    await provision([...failing, { name: 'also', script: 'sleep 3456' }], { onStepFailure: 'fail' });
    const zmx = (await sh('ls -d /var/lib/chandler/zmx/*/zmx')).trim();
    expect(await sh(`ZMX_DIR=/run/chandler/zmx ${zmx} history bad`)).toContain('what went wrong');
  });

  it('4. names are validated and scripts are quoted', async () => {
    const odd = `it's "$(touch /root/fixed)" \`id\` $HOME`;
    expect(() => script([{ name: '$(id)', script: 'x' }])).toThrow('steps[0].name');
    expect((await provision([{ name: 'a', script: `cat >/root/ran <<'END'\n${odd}\nEND` }])).code).toBe(0);
    expect(await sh('cat /root/ran; ls /root')).toBe(`${odd}\nran\n`);
  });

  it('5. a connection error does not count as provisioned, and steps have a time limit', async () => {
    const lost: Executor = { exec: async () => ({ kind: 'lost', reason: 'reset', started: 'unknown' }) };
    const runner = new Runner({
      executor: lost,
      programs: loadPrograms(),
      runId: 'r',
      facts: { arch: 'x86_64', os: '', uid: 0, bootId: '', stateDir: '/s', zmxDir: '/z', tools: [] },
    });
    expect(await runner.isProvisioned()).toBe(false);
    await expect(runner.waitProvisioned(() => undefined)).rejects.toMatchObject({ code: 'connection-lost' });
    const { code, stdout } = await provision([{ name: 'a', script: 'sleep 60', timeout: '1s' }]);
    expect([code, stdout]).toEqual([1, expect.stringContaining('took longer than 1 s')]);
  });

  it('6. unreachable sessions do not count as running, the own session is listed, and labels cannot spoof the code', () => {
    const rows = [
      '  name=a\terr=Timeout\tstatus=unreachable',
      '→ name=b\tpid=1\tclients=0\tcreated=1\tstart_dir=/\tended=5\texit_code=3\texit_code=0',
    ].join('\n');
    expect(parseSessions(rows)).toMatchObject([
      { name: 'a', endedAt: '', exitCode: '', err: 'Timeout' },
      { name: 'b', endedAt: '5', exitCode: '3' },
    ]);
  });

  it('7. a script exits with an error on TERM, and continues after a reboot', async () => {
    const steps = [
      {
        name: 'a',
        script: '[ -e /root/ready ] && echo again >>/root/ran || { touch /root/ready; sleep 60; }',
      },
    ];
    const first = provision(steps);
    await poll(async () => (await sh('ls /root')).includes('ready'), 'the step runs');
    await sh("kill -TERM $(sed -n 's/^pid=//p' /var/lib/chandler/script/pid)");
    expect((await first).code).toBe(143);
    await sh('rm /root/ready');
    const second = provision(steps);
    await poll(async () => (await sh('ls /root')).includes('ready'), 'the step runs again');
    await sandboxReboot(host);
    expect((await second).code).not.toBe(0);
    expect((await provision(steps)).code).toBe(0);
    expect(await sh('cat /root/ran')).toBe('again\n');
  });

  it('8. restricted egress fails closed', async () => {
    // Its own host with the rights of the machine and its own network, to which the rules apply.
    const own = await startHost();
    onTestFinished(own.stop);
    const asMachine = { asMachine: true };
    const provision = (steps: Step[]) =>
      sandboxExec(own, ['sh', '-s'], { stdin: script(steps, { zmx: { source: 'tmux' } }), ...asMachine });
    const sh = async (command: string) => (await sandboxExec(own, ['sh', '-c', command])).stdout;
    const inside = await insideOwnNetwork(own);
    const allow = (names: string) =>
      presets.pixels({ egress: 'allowlist', devtools: false, allow: names.split(' ') });
    const reach = (address: string) =>
      inside(`timeout 2 bash -c 'exec 3<>/dev/tcp/${address}/443' 2>&1 || :`);
    // A name without an address: no connection gets out, and the host does not count as provisioned.
    const closed = await provision(allow('nowhere.invalid'));
    expect([closed.code, closed.stdout]).toEqual([1, expect.stringContaining('none of the names')]);
    expect(await sh('ls /var/lib/chandler/provisioned 2>&1 || :')).toContain('No such file');
    expect(await inside('nft list chain inet egress output')).toContain('policy drop');
    expect(await reach('203.0.113.9')).toMatch(/prohibited|No route|unreachable/);
    // A name with an address: only connections to it pass the rules. Nobody answers there.
    await sh("printf '203.0.113.9 allowed.test\\n' >>/etc/hosts");
    expect((await provision(allow('allowed.test'))).code).toBe(0);
    expect(await inside('nft list set inet egress allow4')).toContain('203.0.113.9');
    expect(await reach('203.0.113.9')).toBe('');
    expect(await reach('203.0.113.10')).toMatch(/prohibited|No route|unreachable/);
  });

  it('9. a login and the boot use the same socket directory', async () => {
    const text = script([{ name: 'shown', script: 'exit 1' }], { zmx: { source: 'tmux' } });
    // A login has XDG_RUNTIME_DIR, the boot does not.
    const login = ['env', 'XDG_RUNTIME_DIR=/tmp/login', 'sh', '-s'];
    const { stdout } = await sandboxExec(host, login, { stdin: text });
    const attach = /to inspect it: (.*) attach shown/.exec(stdout)?.[1] ?? '';
    expect(attach).toMatch(/ZMX_DIR=\/run\/chandler\/zmx \S+$/);
    expect(await sh(`env -i XDG_RUNTIME_DIR=/tmp/other sh -c '${attach} list --short'`)).toContain('shown\n');
  });

  it('10. a download with a wrong checksum does not run', async () => {
    const archive = Buffer.from('an archive of somebody else');
    const server = createServer((_, response) => response.end(archive)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/zmx.tgz`;
    const zmx = { source: 'release', url, sha256: '0'.repeat(64) } as const;
    const { code, stdout } = await provision([{ name: 'a', script: 'echo ran >>/root/ran' }], { zmx });
    server.close();
    expect([code, stdout]).toEqual([1, expect.stringContaining('it was neither unpacked nor run')]);
    expect(await sh('ls /root')).not.toContain('ran');
  });

  it('11. a script needs steps, ignores the sentinel of another plan, and logs finalizers', async () => {
    expect(() => script([])).toThrow('must hold at least one step');
    const steps: Step[] = [
      { name: 'a', script: 'echo a >>/root/ran', finalize: 'echo "finalizer was here"' },
    ];
    expect((await provision(steps)).code).toBe(0);
    expect(await sh('cat /var/lib/chandler/launches/*/log')).toContain('finalizer was here');
    // A cloned host has the sentinel of its original, which does not count for another plan.
    const other = await provision([{ name: 'b', script: 'echo b >>/root/ran' }]);
    expect(other.code).toBe(0);
    expect(await sh('cat /root/ran')).toBe('a\nb\n');
  });
});

/** Makes `nft` on the host act on its own network instead of the machine's. Returns a function that runs commands in it. */
async function insideOwnNetwork(host: SandboxHost): Promise<(command: string) => Promise<string>> {
  const setUp = `
    touch /run/own-net && unshare --net=/run/own-net sh -c '
      ip link set lo up; ip link add out type veth peer name in; ip link set in up
      ip addr add 203.0.113.1/24 dev out; ip link set out up'
    mv /usr/sbin/nft /usr/sbin/nft.real
    printf '#!/bin/sh\\nexec nsenter --net=/run/own-net /usr/sbin/nft.real "$@"\\n' >/usr/sbin/nft && chmod 755 /usr/sbin/nft`;
  const { code, stderr } = await sandboxExec(host, ['sh', '-c', setUp], { asMachine: true });
  if (code !== 0) throw new Error(`no network of its own: ${stderr}`);
  return async (command) =>
    (await sandboxExec(host, ['nsenter', '--net=/run/own-net', 'sh', '-c', command], { asMachine: true }))
      .stdout;
}
