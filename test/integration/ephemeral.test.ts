import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { Plan } from '../../src/domain/plan/schema.ts';
import { chandler, type ChandlerOptions } from '../support/chandler.ts';
import { startHost, type TestHost } from '../support/hosts.ts';
import { sandboxExec } from '../support/sandbox-control.ts';
import { testCli } from '../support/temporal.ts';

const exec = promisify(execFile);

interface Action {
  readonly inputs: Readonly<Record<string, { readonly default?: string }>>;
  readonly runs: {
    readonly steps: readonly { readonly env?: Record<string, string>; readonly run?: string }[];
  };
}

describe('up --ephemeral', () => {
  let host: TestHost;
  let dir: string;
  const onHost = async (script: string) => (await sandboxExec(host, ['sh', '-c', script])).stdout;

  beforeAll(async () => {
    host = await startHost();
  });
  afterAll(() => host.stop());
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'chandler-own-'));
    await onHost('rm -rf /var/lib/chandler /root/*');
    return () => rm(dir, { recursive: true, force: true });
  });

  /** Writes the plan and the key. Returns an environment whose temporary directory shows what is left behind. */
  const prepare = async (steps: Plan['steps']) => {
    const target = { host: host.host, port: host.port, identity: 'id_test', hostKey: host.hostKey };
    await writeFile(join(dir, 'plan.json'), JSON.stringify({ name: 'own <server>', target, steps }));
    await exec('install', ['-D', '-m', '600', host.identity, join(dir, 'keys/id_test')]);
    const temp = join(dir, 'tmp');
    await mkdir(temp, { recursive: true });
    // The command ignores the settings of another server.
    const env = {
      TMPDIR: temp,
      CHANDLER_ZMX_SOURCE: 'tmux',
      TEMPORAL_CLI_PATH: (await testCli()).path,
      TEMPORAL_ADDRESS: '127.0.0.1:1',
      TEMPORAL_NAMESPACE: 'elsewhere',
    };
    return { temp, env };
  };
  const up = async (steps: Plan['steps'], more: string[] = [], options: Partial<ChandlerOptions> = {}) => {
    const { temp, env } = await prepare(steps);
    const ended = await chandler(
      ['up', join(dir, 'plan.json'), '--ephemeral', '--identities', join(dir, 'keys'), ...more],
      { ...options, home: dir, env },
    );
    expect(await readdir(temp)).toEqual([]);
    const { stdout } = await exec('ps', ['-e', '-o', 'args']);
    expect(stdout.split('\n').filter((line) => line.includes(temp))).toEqual([]);
    return ended;
  };

  it('provisions without any server, and reports it as JUnit and Markdown', async () => {
    const reports = ['--report', `junit=${dir}/junit.xml`, '--report', `markdown=${dir}/report.md`];
    const steps = [
      { name: 'a', script: 'echo "<a> & \\"b\\""', finalize: 'true' },
      { name: 'b', check: 'true', script: 'exit 3' },
    ];
    const { exitCode, stdout } = await up(steps, reports);
    expect(stdout).toContain('is provisioned in');
    expect(exitCode).toBe(0);
    expect(await parseJunit(join(dir, 'junit.xml'))).toEqual([
      {
        suite: expect.stringMatching(/^own <server> on /),
        tests: '3',
        failures: '0',
        errors: '0',
        skipped: '0',
      },
      { case: 'a' },
      { case: 'a (finalizer)' },
      { case: 'b', 'system-out': 'satisfied' },
    ]);
    expect(await readFile(join(dir, 'report.md'), 'utf8')).toMatch(/^## .*\n\n[^]*provisioned/);
    expect(await onHost('cat /var/lib/chandler/provisioned')).toContain('own <server>');
  });

  it.each([
    ['keys', ['--identities', '/no/keys'], '--identities: cannot read the directory /no/keys: '],
    ['reports', ['--report', 'junit=/no/web.xml'], '--report: cannot write /no/web.xml: '],
  ])('refuses a missing directory of %s before it starts anything', async (_, options, message) => {
    const { exitCode, stderr } = await up([{ name: 'a', script: 'touch /root/ran' }], options);
    expect(exitCode).toBe(2);
    expect(stderr).toContain(message);
    expect(stderr).toContain('; nothing was started');
    expect(await onHost('ls /root')).toBe('');
  });

  it('names the report that it cannot write', async () => {
    const { exitCode, stderr } = await up([{ name: 'a', script: 'true' }], ['--report', 'junit=/dev/full']);
    expect(exitCode).toBe(1);
    expect(stderr).toContain('cannot write the report /dev/full: ENOSPC');
  });

  it('aborts a run that needs attention, and reports its failure', async () => {
    const steps = [
      { name: 'bad', script: 'printf "a\\001]]>\\n"; exit 3' },
      { name: 'next', needs: ['bad'], script: 'true' },
    ];
    const { exitCode, stderr } = await up(steps, ['--report', `junit=${dir}/junit.xml`]);
    expect(exitCode).toBe(3);
    expect(stderr).toMatch(/Ending provision:.*, because its server ends/);
    const cases = await parseJunit(join(dir, 'junit.xml'));
    expect(cases).toMatchObject([{ failures: '1', skipped: '1' }, { case: 'bad' }, { case: 'next' }]);
    expect(cases[1]?.['failure']).toMatch(/step-failed: .*exit 3/);
    expect(await onHost('ls /var/lib/chandler/lease 2>/dev/null || true')).toBe('');
  });

  describe('the GitHub Action', () => {
    /** Runs the action as a job does, from a checkout of the project in which npm only records what it would do. */
    const runAction = async (given: Record<string, string>, env: Record<string, string> = {}) => {
      const { inputs, runs } = parse(await readFile('action/action.yml', 'utf8')) as Action;
      const outputs: string[] = [];
      for (const { env: names = {}, run = '' } of runs.steps) {
        const variables = Object.entries(names).map(([name, text]) => {
          const [, input = ''] = /^\$\{\{ inputs\.([\w-]+) \}\}$/.exec(text) ?? [];
          return [name, given[input] ?? inputs[input]?.default];
        });
        const { stdout } = await exec('bash', ['--noprofile', '--norc', '-eo', 'pipefail', '-c', run], {
          cwd: dir,
          env: {
            PATH: `${join(dir, 'bin')}:${process.env['PATH']}`,
            HOME: dir,
            GITHUB_ACTION_PATH: join(dir, 'checkout/action'),
            GITHUB_STEP_SUMMARY: join(dir, 'summary.md'),
            ...env,
            ...(Object.fromEntries(variables) as Record<string, string>),
          },
        });
        outputs.push(stdout);
      }
      return outputs;
    };
    const writeProgram = (name: string, text: string) =>
      writeFile(join(dir, 'bin', name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
    beforeEach(async () => {
      await mkdir(join(dir, 'checkout/action'), { recursive: true });
      await symlink(join(process.cwd(), 'dist'), join(dir, 'checkout/dist'));
      await mkdir(join(dir, 'bin'));
      await writeProgram('npm', 'echo "$PWD: npm $*"');
    });

    it('provisions the chosen hosts of an inventory with a Chandler built from its checkout', async () => {
      const { env } = await prepare([{ name: 'a', script: 'true' }]);
      const inventory = {
        groups: { web: { hosts: ['web1'] }, db: { hosts: ['db1'] } },
        hosts: {
          web1: { target: { host: host.host, port: host.port } },
          db1: { target: { host: '127.0.0.1', port: 1 } },
        },
      };
      await writeFile(join(dir, 'hosts.yaml'), JSON.stringify(inventory));
      const [built, provisioned] = await runAction(
        { plan: 'plan.json', hosts: 'hosts.yaml', limit: 'web', identities: 'keys' },
        env,
      );
      const checkout = join(dir, 'checkout');
      expect(built).toBe(`${checkout}: npm ci --include=dev\n${checkout}: npm run build\n`);
      expect(provisioned).toMatch(/^web1 .*provisioned/m);
      const summary = await readFile(join(dir, 'summary.md'), 'utf8');
      expect(summary).toMatch(/^## .*web1[^]*provisioned/m);
      expect(summary).not.toContain('db1');
      expect(await parseJunit(join(dir, 'chandler.xml'))).toMatchObject([{ tests: '1' }, { case: 'a' }]);
    });

    it.each([
      [{}, ''],
      [{ hosts: 'my hosts', limit: 'a:&b' }, ' [--hosts] [my hosts] [--limit] [a:&b]'],
      [{ identities: 'agent', secrets: 'true' }, ' [--identities] [agent] [--secrets]'],
      [{ 'known-hosts': 'known' }, ' known'],
    ])('with %j passes on what it was given', async (given, more) => {
      await writeProgram('node', 'printf "[%s] " "$@"; echo "$CHANDLER_KNOWN_HOSTS"');
      const [, command = ''] = await runAction({ plan: 'a plan', ...given });
      const summary = join(dir, 'summary.md');
      expect(command.trimEnd()).toBe(
        `[${join(dir, 'checkout')}/action/../dist/cli/main.js] [up] [a plan] [--ephemeral] [--no-wait] ` +
          `[--report] [junit=chandler.xml] [--report] [markdown=${summary}]${more}`,
      );
    });
  });

  it('ends the steps of an interrupted run', async () => {
    const { exitCode } = await up([{ name: 'long', script: 'echo begun; sleep 987' }], [], {
      interrupt: /long running/,
    });
    expect(exitCode).toBe(130);
    expect(await onHost('ps -e -o args | grep -c "[s]leep 987" || true')).toBe('0\n');
    expect(await onHost('ls /var/lib/chandler/lease 2>/dev/null || true')).toBe('');
  });

  it.each([
    [['--address', '127.0.0.1:1'], /--ephemeral starts its own server: leave out --address/],
    [['--report', 'xml=a'], /It must be junit=FILE or markdown=FILE/],
  ])('refuses %j', async (more, message) => {
    const { exitCode, stderr } = await up([{ name: 'a', script: 'true' }], more);
    expect(`${exitCode} ${stderr}`).toMatch(message);
    expect(exitCode).toBe(2);
  });
});

const PARSE = `
import json, sys, xml.etree.ElementTree as x
out = []
for suite in x.parse(sys.argv[1]).getroot():
    out.append({'suite': suite.get('name'), **{k: suite.get(k) for k in ('tests', 'failures', 'errors', 'skipped')}})
    for case in suite:
        out.append({'case': case.get('name'), **{e.tag: (e.get('type', '') + ': ' + e.get('message', '') if e.tag != 'system-out' else e.text) for e in case}})
print(json.dumps(out))
`;

/** The suites and cases of a report, read by another program's XML parser. */
async function parseJunit(file: string): Promise<Record<string, string>[]> {
  const { stdout } = await exec('python3', ['-c', PARSE, file], { cwd: dirname(file) });
  return JSON.parse(stdout) as Record<string, string>[];
}
