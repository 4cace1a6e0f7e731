import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { followPage, readBlocks } from '../support/follow-page.ts';
import { startHost, type TestHost } from '../support/hosts.ts';
import { startStack, type Stack } from '../support/stack.ts';
import { testCli } from '../support/temporal.ts';

const siteVars = {
  ansible_become: 'true',
  ansible_host: '127.0.0.1',
  ansible_user: 'root',
  packages: ['nginx', 'git'],
};
/** What `ansible-inventory` of ansible-core 2.19.14, which a reader has, prints for the inventory site.ini of hosts.md. */
const ANSIBLE_LIST = {
  _meta: {
    hostvars: { web1: { ...siteVars, SITE: 'the site' }, web2: { ...siteVars, SITE: 'the site' } },
    profile: 'inventory_legacy',
  },
  all: { children: ['ungrouped', 'web'] },
  web: { hosts: ['web1', 'web2'] },
};

let stack: Stack;
let other: TestHost;
let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'chandler-docs-'));
  [stack, other] = await Promise.all([startStack({ workers: 0 }), startHost()]);
  await copyFile(other.identity, join(stack.secretsDir, 'id_other'));
  const env = {
    CHANDLER_FILES_DIR: join(dir, 'files'),
    CHANDLER_KNOWN_HOSTS: `${stack.host.knownHosts}:${other.knownHosts}`,
    CHANDLER_SECRET_SITE_TOKEN: 'tok-1234567',
  };
  await stack.startWorker(env);
  const list = `#!/bin/sh\ncat <<'EOF'\n${JSON.stringify(ANSIBLE_LIST)}\nEOF\n`;
  await mkdir(join(dir, 'bin'));
  await writeFile(join(dir, 'bin/ansible-inventory'), list, { mode: 0o755 });
});
afterAll(async () => {
  await stack?.stop();
  await other?.stop();
  await rm(dir, { recursive: true, force: true });
});

test.each(['values.md', 'files.md', 'day-2.md', 'drift.md', 'first-boot.md', 'hosts.md', 'in-ci.md'])(
  '%s can be followed from top to bottom',
  async (page) => {
    const followed = await followPage(
      page,
      dir,
      {
        TEMPORAL_ADDRESS: stack.address,
        CHANDLER_TASK_QUEUE: stack.taskQueue,
        CHANDLER_IDENTITIES: stack.secretsDir,
        CHANDLER_KNOWN_HOSTS: stack.host.knownHosts,
        CHANDLER_ZMX_SOURCE: 'tmux',
        TEMPORAL_CLI_PATH: (await testCli()).path,
      },
      {
        PORT: String(stack.host.port),
        PATH: 'id_test',
        PORT1: String(stack.host.port),
        PATH1: 'id_test',
        PORT2: String(other.port),
        PATH2: 'id_other',
      },
    );
    expect(followed.length).toBeGreaterThan(page === 'first-boot.md' ? 0 : 3);
    for (const [i, { command, shows, output, exitCode }] of followed.entries()) {
      expect(`$ ${command}\n${output}`).toContain(shows.join('\n'));
      // A page shows a failure by the next command.
      if (followed[i + 1]?.command !== 'echo $?')
        expect({ command, output, exitCode }).toMatchObject({ exitCode: 0 });
    }
  },
  // A page has up to dozens of commands.
  900_000,
);

test('a page has files, and commands with their output', () => {
  const page =
    '# Page\n\n```yaml\n# a.yaml\nx: 1\n```\n\n```yaml\ny: 1\n```\n\n```console\n$ one\ntwo\nthree\n$ four\n```\n';
  expect(readBlocks(page)).toEqual([
    { file: 'a.yaml', text: 'x: 1\n' },
    {
      commands: [
        { command: 'one', shows: ['two', 'three'] },
        { command: 'four', shows: [] },
      ],
    },
  ]);
});
