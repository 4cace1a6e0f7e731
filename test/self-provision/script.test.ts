import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assert, property, string } from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import type { Step } from '../../src/domain/plan/schema.ts';
import { formatScript, script, type ScriptOptions } from '../../src/library/index.ts';

const steps: Step[] = [{ name: 'a', script: 'true', finalize: 'true' }];
const dir = mkdtempSync(join(tmpdir(), 'chandler-script-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const refusals: readonly (readonly [string, Step[], ScriptOptions, RegExp])[] = [
  ['no steps', [], {}, /^steps: must hold at least one step$/],
  [
    'a secret',
    [{ name: 'a', script: 'x', secrets: { T: 'env:T' } }],
    {},
    /^steps\[0\]\.secrets: needs a worker/,
  ],
  ['a reboot', [{ name: 'a', script: 'x', reboot: true }], {}, /^steps\[0\]\.reboot: needs a worker/],
  ...(['login', 'cloudInit', 'packages'] as const).map((key): (typeof refusals)[number] => [
    `bootstrap.${key}`,
    steps,
    { bootstrap: { [key]: key === 'login' ? 'wait' : true } },
    new RegExp(`^bootstrap\\.${key}: needs a worker; a script can wait for a marker$`),
  ]),
  [
    'a file of the worker',
    steps,
    { zmx: { source: 'file', file: 'zmx' } },
    /^zmx\.file: is a file of the worker/,
  ],
  [
    'a secret in a file',
    [{ name: 'a', files: [{ path: '/x', secret: 'env:T' }] }],
    {},
    /^steps\[0\]\.files\[0\]\.secret: needs a worker/,
  ],
  [
    'a file from the worker',
    [{ name: 'a', files: [{ path: '/x', from: 'worker:x' }] }],
    {},
    /^steps\[0\]\.files\[0\]\.from: needs a worker/,
  ],
  [
    'files of another shape',
    [null, { name: 'a', files: [null] }, { name: 'b', script: 'x', files: 7 }] as unknown as Step[],
    {},
    /steps\[0\]: must be a mapping\nsteps\[2\]\.files: must be a list\nsteps\[1\]\.files\[0\]: must be a mapping/,
  ],
  ['a file without a source', steps, { zmx: { file: 'zmx' } }, /^zmx\.file: is a file of the worker/],
  ['a relative log', steps, { log: 'log' }, /^log: must be an absolute path/],
  ['a state directory with a newline', steps, { stateDir: '/a\nb' }, /^stateDir: must be an absolute path/],
  ['a cycle', [{ name: 'a', script: 'x', needs: ['a'] }], {}, /^steps\[0\]\.needs/],
  ['a version without a hash', steps, { zmx: { version: '9.9.9' } }, /the sha256 of zmx 9\.9\.9/],
];

describe('a script', () => {
  it.each(refusals)('is refused for %s', (_, bad, options, message) => {
    expect(() => script(bad, options)).toThrow(message);
  });

  it('is clean for shellcheck and readable for dash, bash and busybox, whatever its plan holds', () => {
    const names = ['plain', 'hostile', 'all'];
    const hostile = 'it\'s "$X" `id` $(id) \\ \n#comment\n\'\nEOF\nCHANDLER_00\n;;\nesac\n}\n';
    const texts = [
      script(steps),
      script([{ name: 'h', script: hostile, finalize: hostile, check: hostile, env: { H: hostile } }], {
        name: hostile.replaceAll('\n', ' '),
        sentinel: { path: "/o'dd/$X" },
        log: "/l'og",
        stateDir: "/s t'ate",
      }),
      script([...steps, { name: 'b', script: 'x', needs: ['a'], retry: { attempts: 3 }, timeout: '90ms' }], {
        zmx: { source: 'tmux' },
        bootstrap: { marker: '/m' },
        onStepFailure: 'continue',
      }),
    ];
    for (const [i, text] of texts.entries()) {
      const file = join(dir, `${names[i]}.sh`);
      writeFileSync(file, text);
      for (const command of [
        ['shellcheck', '-s', 'sh'],
        ['dash', '-n'],
        ['bash', '-n'],
        ['busybox', 'ash', '-n'],
      ]) {
        const [program = '', ...args] = command;
        const { status, stdout } = spawnSync(program, [...args, file], { encoding: 'utf8' });
        expect([program, status, stdout]).toEqual([program, 0, '']);
      }
    }
  });

  it('is the same whether variables belong to the plan or to its steps', () => {
    const own = script([{ name: 'a', script: 'true', env: { A: '1' } }]);
    const shared = script([{ name: 'a', script: 'true' }], { env: { A: '1' } });
    const withoutPlan = (text: string) => text.replace(/^plan\) cat [^]*?^;;$/m, '');
    expect(withoutPlan(shared)).toBe(withoutPlan(own));
    expect(shared).toContain('export A=1\n');
    expect(shared).not.toBe(own);
  });

  it('returns every text unchanged', () => {
    assert(
      property(string({ unit: 'binary' }), (odd) => {
        const wanted = `#${odd.replaceAll('\0', '')}\n`;
        const text = script([{ name: 'a', script: wanted, env: { ODD: wanted } }]);
        const file = join(dir, 'odd.sh');
        writeFileSync(
          file,
          text.replace(
            /main "\$@"\n$/,
            'text "step a"; text "exports a" >/dev/null; eval "$(text "exports a")"; printf %s "$ODD"',
          ),
        );
        const { stdout } = spawnSync('sh', [file]);
        expect(stdout.toString()).toBe(wanted + wanted);
      }),
      { numRuns: 30 },
    );
  });

  it('is the same for the same plan, and has other launches for another', () => {
    const owner = (text: string) => /^owner=(\S+)$/m.exec(text)?.[1];
    expect(script(steps)).toBe(script(steps));
    expect(owner(script(steps))).toMatch(/^script-[0-9a-f]{20}$/);
    expect(owner(script([{ name: 'a', script: 'false' }]))).not.toBe(owner(script(steps)));
  });

  it('uses the release for its CPU, or the one archive that is named', () => {
    const sha256 = 'a'.repeat(64);
    const ask = (text: string, cpu: string) => {
      writeFileSync(
        join(dir, 'cpu.sh'),
        text.replace(/main "\$@"\n$/, `release_for ${cpu}; echo "$zmx_url $zmx_sha256"`),
      );
      return spawnSync('sh', [join(dir, 'cpu.sh')], { encoding: 'utf8' }).stdout.trim();
    };
    expect(ask(script(steps), 'aarch64')).toMatch(
      /^https:\/\/zmx\.sh\/a\/zmx-0\.7\.0-linux-aarch64\.tar\.gz 77599f66/,
    );
    expect(ask(script(steps), 'amd64')).toMatch(/x86_64\.tar\.gz 8b8783d7/);
    expect(ask(script(steps), 'riscv64')).not.toContain('http');
    const own = script(steps, { zmx: { url: 'https://mirror/zmx.tgz', sha256 } });
    expect(ask(own, 'riscv64')).toBe(`https://mirror/zmx.tgz ${sha256}`);
  });
});

describe('formats', () => {
  it('rc.local: a program that writes the script and starts it', () => {
    const file = join(dir, 'rc.local');
    const place = join(dir, 'provision.sh');
    const text = formatScript(script(steps), 'rc.local', place);
    writeFileSync(file, text.replace(/^nohup .*$/m, 'echo started'));
    expect(spawnSync('shellcheck', ['-s', 'sh', file], { encoding: 'utf8' }).stdout).toBe('');
    for (const shell of ['dash', 'bash']) {
      const { status, stdout } = spawnSync(shell, [file], { encoding: 'utf8' });
      expect([status, stdout]).toEqual([0, 'started\n']);
      expect(spawnSync('cat', [place], { encoding: 'utf8' }).stdout).toBe(script(steps));
    }
  });

  it.each(['relative', '/with space', '/with\nline', "/it's"])('refuses to put it at %j', (path) => {
    expect(() => formatScript(script(steps), 'cloud-init', path)).toThrow(/must be absolute/);
  });
});
