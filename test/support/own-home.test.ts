import { execFile } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const dir = mkdtempSync(join(tmpdir(), 'homes-'));
afterAll(() => rmSync(dir, { recursive: true }));

interface Ran {
  readonly code: number;
  readonly output: string;
}

function runNode(args: readonly string[], env: NodeJS.ProcessEnv): Promise<Ran> {
  return new Promise((resolve) =>
    execFile(process.execPath, args, { cwd: root, env, timeout: 120_000 }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), output: stdout + stderr }),
    ),
  );
}

/** Every file of a home with its size and modification time, except the caches that runs share. */
function contents(home: string): string[] {
  return readdirSync(home, { recursive: true, encoding: 'utf8' })
    .filter((path) => !/^\.(cache|npm)\b/.test(path))
    .map((path) => `${path} ${statSync(join(home, path)).size} ${statSync(join(home, path)).mtimeMs}`)
    .toSorted();
}

const PRINT = "printf 'welcome'; printf 'back' >&2\n";

describe.concurrent('tests (A8)', () => {
  it.each<[string, Record<string, string>, NodeJS.ProcessEnv]>([
    [
      'has startup files that print without a line end, and a login profile that waits for a stale lock',
      {
        ...Object.fromEntries(
          ['.bash_profile', '.profile'].map((name) => [
            name,
            `${PRINT}until (set -C; : >~/.pyenv/shims/.pyenv-shim) 2>/dev/null; do sleep 1; done\n`,
          ]),
        ),
        '.bashrc': PRINT,
        '.pyenv/shims/.pyenv-shim': '',
      },
      {},
    ],
    [
      'configures tmux and the shell unusually, keeps a history and changes directory',
      {
        '.tmux.conf': 'set -g default-command "exit 3"\nset -g remain-on-exit on\n',
        env: 'exit 3\n',
        '.bashrc': 'PROMPT_COMMAND="history -a"; cd /; set -eu\n',
        '.bash_history': 'theirs\n',
      },
      {
        BASH_ENV: 'env',
        ENV: 'env',
        TMUX: '/nowhere,1,0',
        ZMX_SESSION: 'theirs',
        XDG_STATE_HOME: '/nowhere',
        PROMPT_COMMAND: 'history -a',
        HISTFILE: '.bash_history',
        CDPATH: '/',
      },
    ],
  ])(
    "pass and leave the developer's home alone when it %s",
    { timeout: 150_000 },
    async (name, files, env) => {
      const home = join(dir, name.replaceAll(' ', '-'));
      for (const [path, text] of Object.entries(files)) {
        mkdirSync(dirname(join(home, path)), { recursive: true });
        writeFileSync(join(home, path), text);
      }
      const places = Object.fromEntries(
        ['BASH_ENV', 'ENV', 'HISTFILE'].flatMap((key) => (env[key] ? [[key, join(home, env[key])]] : [])),
      );
      const before = contents(home);
      const vitest = ['node_modules/vitest/vitest.mjs', 'run', '--project', 'unit'];
      const { code, output } = await runNode([...vitest, 'test/library/runner-local.test.ts'], {
        PATH: process.env['PATH'],
        ...env,
        ...places,
        HOME: home,
      });
      expect(output).toMatch(/Tests .*5 passed/);
      expect(code).toBe(0);
      expect(contents(home)).toEqual(before);
    },
  );
});

it('a test run that leaves processes or files behind ends and removes them, lists them and fails', async () => {
  const program = `
    import { spawn } from 'node:child_process';
    import { writeFileSync } from 'node:fs';
    import { tmpdir } from 'node:os';
    import { useOwnHome } from './test/support/own-home.ts';
    useOwnHome();
    writeFileSync(tmpdir() + '/forgotten', '');
    spawn('sleep', ['987'], { detached: true, stdio: 'ignore' }).unref();
    const host = spawn('env', ['-i', 'tail', '-f', '/dev/null', tmpdir() + '/forgotten'], { detached: true, stdio: 'ignore' });
    host.unref();
    console.log(tmpdir(), host.pid);
    setTimeout(() => {}, 200);`;
  const { code, output } = await runNode(['--import', 'tsx', '--input-type=module', '--eval', program], {
    ...process.env,
    HOME: dir,
  });
  expect(code).toBe(1);
  expect(output).toMatch(/the tests left behind:\n(.*\n)* {2}process \d+: sleep 987\n/);
  expect(output).toMatch(/ {2}process \d+: tail -f \/dev\/null .*\/forgotten\n/);
  expect(output).toMatch(/ {2}forgotten\n/);
  const [, place = '', pid = ''] = /^(\S+) (\d+)$/m.exec(output) ?? [];
  expect(() => statSync(place)).toThrow('ENOENT');
  // The command line of a process that is dead but not reaped is empty.
  expect(existsSync(`/proc/${pid}`) ? readFileSync(`/proc/${pid}/cmdline`, 'utf8') : '').toBe('');
});
