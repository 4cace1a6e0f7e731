import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { chmod, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { connect, type ChandlerClient } from '../../src/client.ts';
import { poll } from '../support/poll.ts';

const cli = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
/** Unlike ids of other tests, and with colons, at which bash splits words. */
const id = `complete:${randomUUID().slice(0, 8)}:22`;

let dir: string;
let client: ChandlerClient;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'chandler-complete-'));
  await symlink(cli, join(dir, 'chandler'));
  await chmod(cli, 0o755);
  await writeFile(join(dir, 'a-plan.yaml'), '');
  // Without a worker, so that ids and steps come from the server.
  client = await connect({ address: inject('temporalAddress'), taskQueue: randomUUID() });
  const steps = ['packages', 'site'].map((name) => ({ name, script: 'true' }));
  await client.start({ target: { host: 'web1' }, steps }, { workflowId: id });
});
afterAll(async () => {
  await client.temporal.workflow.getHandle(id).terminate();
  await client.close();
  await rm(dir, { recursive: true, force: true });
});

const SHELLS = {
  bash: { start: 'bash --norc --noprofile -i', source: 'source <(chandler completion bash)' },
  zsh: {
    start: 'zsh -f -i',
    source: 'autoload -U compinit; compinit -u -D; source <(chandler completion zsh)',
  },
  fish: { start: 'fish --no-config -i', source: 'chandler completion fish | source' },
} as const;

/** The text typed before the Tab key, and the completed line. */
const TYPED: readonly (readonly [string, string])[] = [
  ['chandler valid', 'chandler validate'],
  ['chandler status --watc', 'chandler status --watch'],
  ['chandler script --format clo', 'chandler script --format cloud-init'],
  ['chandler up preset:do', 'chandler up preset:docker'],
  ['chandler up a-pl', 'chandler up a-plan.yaml'],
  ['chandler logs complete:', `chandler logs ${id}`],
  [`chandler retry ${id} pa`, `chandler retry ${id} packages`],
];

test.each(Object.entries(SHELLS))(
  'the Tab key completes commands, options, plans, ids and steps in a real %s',
  async (name, { start, source }) => {
    const socket = join(dir, `${name}.sock`);
    const tmux = (...args: string[]) =>
      execFileSync('tmux', ['-S', socket, '-f', '/dev/null', ...args], { encoding: 'utf8' });
    const screen = () => tmux('capture-pane', '-p', '-J');
    const shows = (text: string) => poll(() => screen().includes(text), `${name} shows ${text}`, screen);
    // On a busy machine a completion may time out. A person would press the key again, too.
    const pressTabUntil = async (text: string) => {
      for (let presses = 1; !screen().includes(text); presses += 1) {
        tmux('send-keys', 'Tab');
        const shown = poll(() => screen().includes(text), `${name} shows ${text}`, screen, 8000);
        await shown.catch((error: unknown) => {
          if (presses === 15) throw error;
        });
      }
    };
    const env = [
      `HOME=${dir}`,
      `PATH=${dir}:${process.env['PATH']}`,
      `TEMPORAL_ADDRESS=${inject('temporalAddress')}`,
      'TERM=xterm',
      'PS1=$ ',
    ];
    tmux(
      'new-session',
      '-d',
      '-x',
      '150',
      '-y',
      '50',
      '-c',
      dir,
      `env -i ${env.map((word) => `'${word}'`).join(' ')} ${start}`,
    );
    try {
      // Printed only after the source command before it.
      tmux('send-keys', '-l', `${source}; echo rea''dy`);
      tmux('send-keys', 'Enter');
      await shows('ready\n');
      for (const [typed, completed] of TYPED) {
        // Not C-c, which also discards input that is typed right after it.
        tmux('send-keys', 'C-u', 'C-l');
        tmux('send-keys', '-l', typed);
        await pressTabUntil(completed);
      }
      expect(screen()).not.toMatch(/command not found|Unknown command|error/);
    } finally {
      tmux('kill-server');
    }
  },
);
