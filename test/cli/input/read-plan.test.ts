import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { execFileSync } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, it, test } from 'vitest';
import {
  judgePlan,
  readPlan,
  renderProblems,
  renderWarnings,
  type PlanOptions,
} from '../../../src/cli/input/plan-file.ts';
import { resolvePlan } from '../../../src/domain/plan/resolve-plan.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'chandler-plan-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

type Files = Readonly<Record<string, string>>;

async function write(files: Files): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(dir, name)), { recursive: true });
    await writeFile(join(dir, name), text);
  }
}

const stdin = Readable.from([]);

async function judge(options: PlanOptions = {}, name = 'web.yaml') {
  const { envFile, ...others } = options;
  const paths = envFile && { envFile: envFile.map((file) => join(dir, file)) };
  const source = await readPlan(join(dir, name), { ...others, ...paths }, { stdin });
  return judgePlan(source, ['host=h', ...(options.target ?? [])]);
}

/** The problems of web.yaml, with paths relative to its directory. */
async function problemsOf(files: Files, options: PlanOptions = {}): Promise<string[]> {
  await write(files);
  const { problems = [] } = await judge(options);
  const text = renderProblems('web.yaml', problems).replaceAll(`${dir}/`, '');
  return text === '' ? [] : text.split('\n');
}

const steps = (...names: string[]) =>
  `steps:\n${names.map((name) => `  - name: ${name}\n    script: 'true'\n`).join('')}`;

describe('the files of a plan', () => {
  it('have their steps in the order of their includes, those of the plan last', async () => {
    await write({
      'web.yaml': `include: [lib/a.yaml, b.yaml]\n${steps('w')}`,
      'lib/a.yaml': `include: [deep/c.yaml, ../d.yaml]\n${steps('a')}`,
      'lib/deep/c.yaml': steps('c'),
      'd.yaml': `name: d\n${steps('d1', 'd2')}`,
      'b.yaml': steps('b'),
    });
    const { plan } = await judge();
    expect(plan?.steps.map(({ name }) => name)).toEqual(['c', 'd1', 'd2', 'a', 'b', 'w']);
    expect(plan).not.toHaveProperty('include');
    expect(plan).not.toHaveProperty('name');
  });

  it('prefer the variables of the including file to those of the included one, and of the last to those of the first', async () => {
    await write({
      'web.yaml': 'include: [a.yaml, b.yaml]\nenv: {W: web}\n',
      'a.yaml': `include: [c.yaml]\nenv: {W: a, A: a, B: a}\n${steps('a')}`,
      'b.yaml': 'env: {B: b}\n',
      'c.yaml': 'env: {A: c, C: c}\n',
    });
    expect((await judge()).plan?.env).toEqual({ W: 'web', A: 'a', B: 'b', C: 'c' });
  });

  it('may be ready-made plans', async () => {
    await write({ 'web.yaml': `include: [preset:docker]\n${steps('w')}` });
    const { plan } = await judge({ set: ['PACKAGES=tini'] });
    expect(plan?.steps.map(({ name }) => name)).toEqual(['docker', 'w']);
    expect(plan && resolvePlan(plan).steps[0]?.env).toMatchObject({ PACKAGES: 'tini' });
  });

  it('may need steps of each other', async () => {
    const files = {
      'web.yaml': `include: [a.yaml]\n${steps('w')}    needs: [a]\n`,
      'a.yaml': `${steps('a')}    needs: [x]\n`,
    };
    expect(await problemsOf(files)).toEqual(['a.yaml:4: steps[0].needs[0]: there is no step "x"']);
  });

  it('have warnings that name their lines', async () => {
    await write({
      'web.yaml': 'include: [a.yaml]\n',
      'a.yaml': 'steps:\n  - name: a\n    script: |\n      true\n      make\n      make\n',
    });
    const { warnings = [] } = await judge();
    expect(renderWarnings('web.yaml', warnings).join('\n').replaceAll(`${dir}/`, '')).toMatch(
      /^a\.yaml:5: warning: steps\[0\]\.script: if `make` fails/,
    );
  });
});

/** What is wrong, the files, and all problems. */
const bad: readonly [what: string, files: Files, ...problems: string[]][] = [
  [
    'includes of another shape, with other problems',
    { 'web.yaml': 'include: a.yaml\nsteps: []\n' },
    'web.yaml:1: include: must be a list',
    'web.yaml:2: steps: must hold at least one step',
  ],
  [
    'an include that is no text',
    { 'web.yaml': `include: [1]\n${steps('w')}` },
    'web.yaml:1: include[0]: must be text',
  ],
  [
    'an include with a NUL byte',
    { 'web.yaml': `include: ["a\\0b"]\n${steps('w')}` },
    'web.yaml:1: include[0]: must not hold a NUL byte',
  ],
  [
    'missing files',
    { 'web.yaml': `include:\n  - nope.yaml\n  - ./nope/*.yaml\n${steps('w')}` },
    'web.yaml:2: include[0]: nope.yaml: no such file',
    'web.yaml:3: include[1]: nope/*.yaml: no such file',
  ],
  [
    'standard input, a device and a directory',
    { 'web.yaml': 'include: ["-", /dev/zero, lib]\n', 'lib/x': '' },
    'web.yaml:1: include[0]: -: no such file',
    'web.yaml:1: include[1]: /dev/zero: is not a regular file',
    'web.yaml:1: include[2]: lib: is not a regular file',
  ],
  [
    'an unknown preset',
    { 'web.yaml': 'include: ["preset:nope"]\n' },
    expect.stringMatching(
      /^web\.yaml:1: include\[0\]: preset:nope: there is no preset "nope"; the presets are /,
    ) as string,
  ],
  [
    'an included file that includes itself',
    { 'web.yaml': 'include: [a.yaml]\n', 'a.yaml': 'include: [a.yaml]\n' },
    'a.yaml:1: include[0]: is a cycle: web.yaml → a.yaml → a.yaml',
  ],
  [
    'a cycle',
    {
      'web.yaml': 'include: [lib/a.yaml]\n',
      'lib/a.yaml': 'include: [b.yaml]\n',
      'lib/b.yaml': '\ninclude: [../web.yaml]\n',
    },
    'lib/b.yaml:2: include[0]: is a cycle: web.yaml → lib/a.yaml → lib/b.yaml → web.yaml',
  ],
  [
    'C10: keys of a plan in an included file',
    { 'web.yaml': 'include: [a.yaml]\n', 'a.yaml': `target: {host: x}\nrequird: []\n${steps('a')}` },
    'a.yaml:1: target: is not a known key',
    'a.yaml:2: requird: is not a known key; did you mean "required"?',
  ],
  [
    'keys of other shapes in an included file',
    { 'web.yaml': 'include: [a.yaml]\n', 'a.yaml': 'steps: x\nenv: []\nrequired: A\ninclude: b.yaml\n' },
    'a.yaml:2: env: must be a mapping',
    'a.yaml:3: required: must be a list',
    'a.yaml:4: include: must be a list',
    'a.yaml:1: steps: must be a list',
  ],
  [
    'an included file that is a list, and one that is no YAML',
    { 'web.yaml': 'include: [a.yaml, b.yaml]\n', 'a.yaml': '- x\n', 'b.yaml': 'x: 1\nx: 2\n' },
    'a.yaml:1: the plan must be a mapping',
    'b.yaml:2: Map keys must be unique',
  ],
  [
    'C10: a bad step, bad values and a bad name in an included file',
    {
      'web.yaml': `include: [a.yaml]\nenv: {B: 1}\n${steps('w')}`,
      'a.yaml': `env:\n  1A: x\n  B: 2\nrequired:\n  - C-D\n${steps('a')}    tmieout: 1s\n`,
    },
    'a.yaml:2: env.1A: must be the name of an environment variable',
    'web.yaml:2: env.B: must be text',
    'a.yaml:5: required[0]: must be the name of an environment variable',
    'a.yaml:9: steps[0].tmieout: is not a known key; did you mean "timeout"?',
  ],
  [
    'a step of a file with the name of another',
    { 'web.yaml': `include: [a.yaml]\n${steps('w', 'x')}`, 'a.yaml': steps('x', 'x') },
    'a.yaml:4: steps[1].name: "x" is already the name of steps[0]',
    'web.yaml:5: steps[1].name: "x" is already the name of steps[0] in web.yaml → a.yaml; this one is in web.yaml',
  ],
  [
    'a file that two files include',
    {
      'web.yaml': 'include: [a.yaml, b.yaml]\n',
      'a.yaml': 'include: [c.yaml]\n',
      'b.yaml': 'include: [c.yaml]\n',
      'c.yaml': steps('c'),
    },
    'c.yaml:2: steps[0].name: "c" is already the name of steps[0] in web.yaml → a.yaml → c.yaml; this one is in web.yaml → b.yaml → c.yaml',
  ],
  [
    'a key that changes prototypes',
    { 'web.yaml': 'include: [a.yaml]\n', 'a.yaml': `env: {__proto__: x}\n${steps('a')}` },
    'a.yaml:1: the plan must not hold the key __proto__',
  ],
  [
    'required variables without a value, one of them twice',
    {
      'web.yaml': `include: [a.yaml]\nrequired: [B, A]\n${steps('w')}`,
      'a.yaml': `env: {B: ''}\nrequired:\n  - A\n${steps('a')}`,
    },
    'a.yaml:3: required[0]: A has no value: set it in env, with --set A=VALUE, or in an --env-file',
  ],
];

describe('a plan is refused for', () => {
  test.each(bad)('%s', async (_, files, ...problems) => {
    expect(await problemsOf(files)).toEqual(problems);
  });

  it('more files than allowed, at once', async () => {
    const layer = (i: number) => [`l${i}.yaml`, `include: [l${i + 1}.yaml, l${i + 1}.yaml]\n`] as const;
    const files = Object.fromEntries(Array.from({ length: 40 }, (_, i) => layer(i)));
    const found = await problemsOf({ ...files, 'web.yaml': 'include: [l0.yaml]\n', 'l40.yaml': '' });
    expect(found.length).toBeGreaterThan(0);
    expect(found.at(-1)).toMatch(/: include\[\d\]: a plan may include at most 64 files$/);
    expect(found.filter((line) => line.endsWith('64 files'))).toHaveLength(1);
  });

  it('a pipe, without waiting for it', async () => {
    execFileSync('mkfifo', [join(dir, 'pipe')]);
    expect(await problemsOf({ 'web.yaml': 'include: [pipe]\n' })).toEqual([
      'web.yaml:1: include[0]: pipe: is not a regular file',
    ]);
  });

  it('a cycle of links', async () => {
    await symlink(dir, join(dir, 'self'));
    const found = await problemsOf({ 'web.yaml': 'include: [self/web.yaml]\n' });
    expect(found).toEqual([expect.stringMatching(/at most 64 files|is a cycle|too many symbolic links/i)]);
  });
});

describe('values from the command line', () => {
  const files = {
    'web.yaml': `env: {A: plan, B: plan, C: plan}\nrequired: [R]\nsteps:\n  - name: w\n    script: 'true'\n    env: {B: step}\n    secrets: {TOKEN: 'env:T'}\n`,
    'one.env': 'R=one\nC=one\n',
    'two.env': 'R=two\n',
  };
  const envOf = async (options: PlanOptions) => {
    await write(files);
    const { plan, problems } = await judge(options);
    expect(problems).toBeUndefined();
    return plan && resolvePlan(plan).steps[0]?.env;
  };

  test.each<[what: string, options: PlanOptions, env: object]>([
    ['--env-file', { envFile: ['one.env'] }, { A: 'plan', B: 'step', C: 'one', R: 'one' }],
    ['a later --env-file', { envFile: ['one.env', 'two.env'] }, { A: 'plan', B: 'step', C: 'one', R: 'two' }],
    [
      '--set over --env-file, plan and step',
      { envFile: ['one.env'], set: ['R=', 'B=set', 'C=a', 'C=b=c'] },
      { A: 'plan', B: 'set', C: 'b=c', R: '' },
    ],
    [
      'text that a shell would execute',
      { set: ['R=$(reboot)\n`reboot`; ${A} "\'\\ --x'] },
      { A: 'plan', B: 'step', C: 'plan', R: '$(reboot)\n`reboot`; ${A} "\'\\ --x' },
    ],
  ])('%s', async (_, options, env) => {
    expect(await envOf(options)).toEqual(env);
  });

  it('have warnings for names that are probably misspelled', async () => {
    await write({ 'web.yaml': `env: {THREADS: '1'}\n${steps('w')}`, 'slip.env': 'THREADS=2\nTREADS=3\n' });
    const { warnings = [] } = await judge({ set: ['threads=4', 'OTHER=5'], envFile: ['slip.env'] });
    expect(renderWarnings('web.yaml', warnings).map((line) => line.replace(`${dir}/`, ''))).toEqual([
      'slip.env:2: warning: TREADS: neither the plan nor a script mentions TREADS; did you mean THREADS?',
      'web.yaml: warning: --set threads: neither the plan nor a script mentions threads; did you mean THREADS?',
    ]);
  });

  test.each<[what: string, options: PlanOptions, env: string, ...problems: string[]]>([
    [
      'all problems at once',
      { set: ['1A=x', 'B', '=x', 'C=\0', 'CHANDLER_X=secret', 'R=good'], envFile: ['bad.env'] },
      'GOOD=1\nUID=0\nhello\n',
      'bad.env:2: UID: is read-only in bash',
      'bad.env:3: must be NAME=VALUE',
      'web.yaml: --set 1A: must be the name of an environment variable',
      'web.yaml: --set B: must be NAME=VALUE',
      'web.yaml: --set =x: must be NAME=VALUE',
      'web.yaml: --set C: must not hold a NUL byte',
      'web.yaml: --set CHANDLER_X: must not begin with CHANDLER_ or ZMX_: those are reserved',
    ],
    [
      'a secret of a step, once',
      { set: ['R=1', 'TOKEN=a', 'TOKEN=b'] },
      '',
      'web.yaml: --set TOKEN: is a secret of the step "w", and a value set here would be stored in the workflow history: change the secret that the worker looks up as env:T',
    ],
    [
      'a secret in an env file',
      { envFile: ['bad.env'] },
      'R=1\nTOKEN=a\n',
      'bad.env:2: TOKEN: is a secret of the step "w", and a value set here would be stored in the workflow history: change the secret that the worker looks up as env:T',
    ],
  ])('are refused with %s', async (_, options, env, ...problems) => {
    expect(await problemsOf({ ...files, 'bad.env': env }, options)).toEqual(problems);
  });

  it.each(['nope.env', '.'])('are refused if %s is not a file', async (name) => {
    await write(files);
    await expect(judge({ envFile: [name] })).rejects.toThrow(/: (no such file|is a directory)$/);
  });

  it('never come from standard input', async () => {
    await write(files);
    const source = readPlan(
      join(dir, 'web.yaml'),
      { envFile: ['-'] },
      { stdin: Readable.from([Buffer.from('R=1')]) },
    );
    await expect(source).rejects.toThrow(/^-: no such file$/);
  });
});
