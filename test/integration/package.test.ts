import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';

const exec = promisify(execFile);
const root = fileURLToPath(new URL('../..', import.meta.url));

describe('the package, installed elsewhere', () => {
  let dir: string;
  let installed: string;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'chandler-package-'));
    // The package's scripts would rebuild dist while other tests use it.
    const { stdout } = await exec('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', dir], {
      cwd: root,
    });
    const [{ filename }] = JSON.parse(stdout) as [{ filename: string }];
    await exec('tar', ['-xzf', join(dir, filename), '-C', dir]);
    // Uses the dependencies that are installed here.
    await mkdir(join(dir, 'node_modules'));
    installed = join(dir, 'package');
    await symlink(join(root, 'node_modules'), join(installed, 'node_modules'));
    await symlink(installed, join(dir, 'node_modules/chandler'));
  });
  afterAll(() => rm(dir, { recursive: true, force: true }));

  it('has a command that finds all its files', async () => {
    const cli = join(installed, 'dist/cli/main.js');
    const { stdout } = await exec(
      process.execPath,
      [cli, 'validate', join(installed, 'examples/demo.yaml')],
      { cwd: dir },
    );
    expect(stdout).toContain('ok (3 steps, 1 finalizer');
    expect(JSON.parse((await exec(process.execPath, [cli, 'schema'])).stdout)).toHaveProperty(
      'properties.steps',
    );
  });

  it('depends on every package that its code imports', async () => {
    const { dependencies, optionalDependencies } = await manifest();
    const known = { ...dependencies, ...optionalDependencies };
    const files = await readdir(join(installed, 'dist'), { recursive: true });
    const texts = await Promise.all(
      files
        .filter((name) => name.endsWith('.js') && name !== 'workflow-bundle.js')
        .map((name) => readFile(join(installed, 'dist', name), 'utf8')),
    );
    const imported = texts.flatMap((text) =>
      Array.from(
        text.matchAll(/(?:\bfrom |\bimport[ (])["']((?:@[a-z]+\/)?[a-z][a-z0-9-]*)(?:\/[^"']*)?["']\)?;$/gm),
        ([, name = '']) => name,
      ),
    );
    expect([...new Set(imported)].filter((name) => !(name in known))).toEqual([]);
    expect(imported).toContain('ssh2');
  });

  it('works without its optional packages, except for workers', async () => {
    const light = join(dir, 'light');
    const copy = join(light, 'node_modules/chandler');
    await cp(installed, copy, { recursive: true, filter: (from) => !from.includes('node_modules') });
    const { dependencies } = await manifest();
    for (const name of Object.keys(dependencies)) {
      await mkdir(dirname(join(light, 'node_modules', name)), { recursive: true });
      await symlink(join(root, 'node_modules', name), join(light, 'node_modules', name));
    }
    const address = ['--address', inject('temporalAddress')];
    const cli = (...args: string[]) => exec(process.execPath, [join(copy, 'dist/cli/main.js'), ...args]);
    await cli('validate', join(copy, 'examples/demo.yaml'));
    await cli('status', ...address);
    await writeFile(
      join(light, 'use.mjs'),
      "import { connect } from 'chandler'; await (await connect({ address: process.argv[2] })).close();",
    );
    await exec(process.execPath, [join(light, 'use.mjs'), inject('temporalAddress')]);
    await expect(cli('worker', ...address)).rejects.toMatchObject({
      code: 1,
      stderr:
        'this installation has no worker, because optional packages were left out; install Chandler without --omit=optional\n',
    });
  });

  const manifest = async () =>
    JSON.parse(await readFile(join(installed, 'package.json'), 'utf8')) as {
      dependencies: Record<string, string>;
      optionalDependencies: Record<string, string>;
    };

  it('can be imported', async () => {
    await writeFile(
      join(dir, 'use.mjs'),
      `import { loadPrograms, parseSessions, Runner, validatePlan } from 'chandler';
       console.log(typeof Runner, parseSessions('  name=a\\tpid=1\\n').length, loadPrograms().host.name.length > 5,
         validatePlan({}).problems.length > 0);`,
    );
    expect((await exec(process.execPath, ['use.mjs'], { cwd: dir })).stdout).toBe('function 1 true true\n');
  });

  it('contains the bundled workflows', async () => {
    const { stdout } = await exec(
      'ls',
      ['dist/workflow-bundle.js', 'dist/host/programs/supervise.sh', 'dist/zmx/shim/zmx.sh'],
      {
        cwd: installed,
      },
    );
    expect(stdout.trim().split('\n')).toHaveLength(3);
  });

  describe('in a project that uses it', () => {
    let project: string;
    beforeAll(async () => {
      project = join(dir, 'project');
      await mkdir(join(project, 'node_modules/@types'), { recursive: true });
      await symlink(installed, join(project, 'node_modules/chandler'));
      await symlink(join(root, 'node_modules/@types/node'), join(project, 'node_modules/@types/node'));
      await write('package.json', JSON.stringify({ name: 'project', private: true, type: 'module' }));
    });

    const write = async (name: string, text: string) => writeFile(join(project, name), text);
    const node = async (...args: string[]) => exec(process.execPath, args, { cwd: project });

    it('matches its types, which reject wrong uses', async () => {
      const compilerOptions = {
        target: 'es2023',
        module: 'nodenext',
        resolveJsonModule: true,
        strict: true,
        skipLibCheck: false,
        types: ['node'],
        outDir: 'out',
      };
      await write('tsconfig.json', JSON.stringify({ compilerOptions, files: ['main.ts', 'example.ts'] }));
      await write('main.ts', PROGRAM);
      const [, example = ''] =
        /```ts\n([^]*?)```/.exec(await readFile(join(root, 'docs/library.md'), 'utf8')) ?? [];
      expect(example).toContain("from 'chandler'");
      await write('example.ts', example);
      const tsc = join(root, 'node_modules/typescript/bin/tsc');
      const { stdout: compiled } = await node(tsc, '-p', '.', '--listFiles').catch(
        (error: unknown) => error as { stdout: string },
      );
      expect(compiled).not.toMatch(/^.*error TS.*$/m);
      // Types that npm would not install with the package. Those of ms are an exception: the ms that @temporalio/common
      // depends on has its own types, but where nodenext does not find them.
      expect(compiled).not.toMatch(/@types\/(?!node\/|ms\/)/);
      // Other module resolutions, with the strictest compiler options that the types of the Temporal client allow.
      for (const found of ['node20 --moduleResolution node16', 'preserve --moduleResolution bundler']) {
        const strictest = `-p . --noEmit --skipLibCheck --exactOptionalPropertyTypes --noUncheckedIndexedAccess --module ${found}`;
        const { stdout: errors } = await node(tsc, ...strictest.split(' ')).catch(
          (error: unknown) => error as { stdout: string },
        );
        expect({ found, errors }).toEqual({ found, errors: '' });
      }

      const { stdout } = await node('out/main.js', inject('temporalAddress'));
      expect(JSON.parse(stdout)).toEqual({
        names: ['px-devtools', 'px-egress'],
        asked: expect.stringMatching(/ env -u .* ZMX_DIR=\/z \/usr\/bin\/zmx list$/),
        sessions: [{ name: 'px-devtools', endedAt: '9', exitCode: '0' }],
        status: 'px-devtools done, px-egress pending',
        done: false,
        script: '#!/bin/sh',
        cloudInit: '#cloud-config',
        problems: ['steps[0].name', 'steps[0].script'],
        failure: ['identity-unavailable', false],
        unknownRun: 'WorkflowNotFoundError',
        schema: 'Chandler plan',
      });
    });

    it('exposes only its exports', async () => {
      await write(
        'deep.js',
        "await import('chandler/dist/client.js').catch((error) => console.log(error.code));",
      );
      expect((await node('deep.js')).stdout).toBe('ERR_PACKAGE_PATH_NOT_EXPORTED\n');
    });

    it('can be required', async () => {
      await write('required.cjs', "console.log(typeof require('chandler').Runner);");
      expect((await node('required.cjs')).stdout).toBe('function\n');
    });
  });
});

it('the API reference matches the docstrings (update it with `npm run api`)', async () => {
  const check = exec('npm', ['run', '--silent', 'api', '--', '--check'], { cwd: root });
  await expect(check).resolves.toHaveProperty('stdout', '');
}, 400_000);

/** A program of a user: every use of a type must compile, or fail to compile where it says so. */
const PROGRAM = String.raw`
import {
  ChandlerError,
  connect,
  createSshPool,
  formatScript,
  loadPrograms,
  parseSessions,
  presets,
  render,
  Runner,
  script,
  sh,
  stepNames,
  validatePlan,
} from 'chandler';
import type { Command, ExecOptions, Executor, Outcome, Plan, ResolvedTarget, Session, Step } from 'chandler';
import schema from 'chandler/plan.schema.json' with { type: 'json' };
// @ts-expect-error only exports can be imported
import type { ClientOptions } from 'chandler/dist/client.js';

/** A host with prepared answers. */
class Recording implements Executor {
  readonly asked: string[] = [];
  async exec(command: Command, { onOutput }: ExecOptions = {}): Promise<Outcome> {
    const line = render(command);
    this.asked.push(line);
    const token = /[0-9a-f]{24}/.exec(line)?.[0];
    const frame = (body: string) => ['chandler', token, body.length, body, token].join(':') + '\n';
    const launches = line.split(' states ')[1]?.split(' ') ?? [];
    const row = '  name=px-devtools\tpid=7\tclients=0\tcreated=1\tstart_dir=/root\tended=9\texit_code=0\n';
    const stdout =
      launches.length > 0
        ? launches.map((id) => frame('launch=' + id + ' state=absent')).join('') + frame('end')
        : frame('begin') + row + frame('code=0');
    onOutput?.(Buffer.from(stdout));
    return { kind: 'exited', code: 0, stdout, stderr: '' };
  }
}

const steps: Step[] = presets.pixels({ egress: 'agent' });
const names: string[] = stepNames(steps);
const executor = new Recording();
const runner = new Runner({
  executor,
  programs: loadPrograms(),
  facts: { arch: 'x86_64', os: '', uid: 0, bootId: '', stateDir: '/s', zmxDir: '/z', tools: [] },
  runId: 'one',
  zmx: { path: '/usr/bin/zmx', version: '0.7.0', source: 'existing' },
});
export const runPlanned = (step: Step): Promise<void> => runner.run(step);
const sessions: Session[] = parseSessions(await runner.list());
const { status, done } = await runner.pollStatus(names);

const plan: Plan = { ...presets.plan('pixels'), target: { host: 'web1.example.org', hostKey: 'accept-new' } };
const { problems = [] } = validatePlan({ ...plan, steps: [{ name: 'a b' }] });

const target: ResolvedTarget = {
  host: '127.0.0.1',
  port: 22,
  user: 'root',
  auth: { kind: 'key', privateKey: 'none', source: 'test' },
  hostKey: { kind: 'known-hosts', files: [] },
};
const pool = createSshPool({ idleCloseMs: 1000 });
const failure: unknown = await pool.executor(target).exec(sh('true')).catch((error: unknown) => error);
await pool.close();

const client = await connect({ address: process.argv[2] ?? '' });
const unknownRun: unknown = await client.status('none').catch((error: unknown) => error);
await client.close();

// @ts-expect-error an unknown key of a step
const misspelt: Step = { name: 'a', script: 'true', finalise: 'true' };
// @ts-expect-error an unknown value in a plan
const unheardOf: Plan = { ...plan, onStepFailure: 'explode' };
// @ts-expect-error an unknown failure code
const never = failure instanceof ChandlerError && failure.code === 'no-such-code';

console.log(
  JSON.stringify({
    names,
    asked: executor.asked[0],
    sessions,
    status,
    done,
    script: script(steps).split('\n')[0],
    cloudInit: formatScript(script(steps), 'cloud-init').split('\n')[0],
    problems: problems.map(({ path }) => path),
    failure: failure instanceof ChandlerError && [failure.code, failure.retryable],
    unknownRun: unknownRun instanceof Error && unknownRun.name,
    schema: schema.title,
  }),
);
`;
