import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const exec = promisify(execFile);
const root = fileURLToPath(new URL('../..', import.meta.url));

describe('the package, somewhere else', () => {
  let dir: string;
  let installed: string;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'chandler-package-'));
    // The scripts would build again, under the feet of the other tests.
    const { stdout } = await exec('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', dir], {
      cwd: root,
    });
    const [{ filename }] = JSON.parse(stdout) as [{ filename: string }];
    await exec('tar', ['-xzf', join(dir, filename), '-C', dir]);
    // What npm would install of its dependencies is what is installed here.
    await mkdir(join(dir, 'node_modules'));
    installed = join(dir, 'package');
    await symlink(join(root, 'node_modules'), join(installed, 'node_modules'));
    await symlink(installed, join(dir, 'node_modules/chandler'));
  });
  afterAll(() => rm(dir, { recursive: true, force: true }));

  it('gives a command that finds everything it reads', async () => {
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

  it('can be imported', async () => {
    await writeFile(
      join(dir, 'use.mjs'),
      `import { loadPrograms, parseSessions, Runner, validatePlan } from 'chandler';
       console.log(typeof Runner, parseSessions('  name=a\\tpid=1\\n').length, loadPrograms().host.name.length > 5,
         validatePlan({}).problems.length > 0);`,
    );
    expect((await exec(process.execPath, ['use.mjs'], { cwd: dir })).stdout).toBe('function 1 true true\n');
  });

  it('carries the workflows, bundled', async () => {
    const { stdout } = await exec(
      'ls',
      ['dist/workflow-bundle.js', 'dist/host/programs/supervise.sh', 'dist/zmx/shim/zmx.sh'],
      {
        cwd: installed,
      },
    );
    expect(stdout.trim().split('\n')).toHaveLength(3);
  });
});
