import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { layOut } from '../../bench/peers.ts';
import { RESULTS, whyWrong } from '../../bench/work.ts';
import type { SandboxHost } from '../../src/dev/sandbox/index.ts';

const host: SandboxHost = {
  name: 'sandbox-1',
  host: '127.0.0.1',
  port: 2201,
  user: 'root',
  identity: '/keys/sandbox-1',
  knownHosts: '/keys/known_hosts',
  hostKey: 'SHA256:x',
  backend: 'namespace',
};

async function lay(): Promise<(name: string) => string> {
  const dir = mkdtempSync(join(tmpdir(), 'chandler-peers-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  await layOut(dir, [host], 0);
  return (name) => readFileSync(join(dir, name), 'utf8');
}

it('the peers of the bench check the key of each host', async () => {
  const read = await lay();
  expect(read('hosts')).toBe('2201 /keys/sandbox-1 /keys/known_hosts\n');
  expect(read('inventory.ini')).toContain("ansible_ssh_extra_args='-o UserKnownHostsFile=/keys/known_hosts'");
  expect(read('ansible.cfg')).toContain('host_key_checking = True');
  expect(JSON.parse(read('hosts.json'))).toMatchObject([{ data: { ssh_strict_host_key_checking: 'yes' } }]);
});

it('the script of the bench for plain ssh does the whole work', async () => {
  const read = await lay();
  const results = mkdtempSync(join(tmpdir(), 'chandler-work-'));
  onTestFinished(() => rmSync(results, { recursive: true }));
  const { status } = spawnSync('bash', ['-s'], { input: read('work.sh').replaceAll(RESULTS, results) });
  expect(status).toBe(0);
  expect(whyWrong((name) => readFileSync(join(results, name), 'utf8'))).toBeUndefined();
});
