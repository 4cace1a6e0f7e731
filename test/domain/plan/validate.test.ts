import { describe, expect, it } from 'vitest';
import { formatProblems } from '../../../src/domain/plan/problems.ts';
import { validatePlan } from '../../../src/domain/plan/validate.ts';
import { problemsOfInput } from '../../support/schemas.ts';

const good = { target: { host: 'web1' }, steps: [{ name: 'a', script: 'true' }] };
const withStep = (changes: object) => ({ ...good, steps: [{ ...good.steps[0], ...changes }] });
const withTarget = (changes: object) => ({ ...good, target: { ...good.target, ...changes } });
const named = (...steps: [name: string, ...needs: string[]][]) => ({
  ...good,
  steps: steps.map(([name, ...needs]) => ({ name, script: 'true', needs })),
});
const NAME = 'may hold letters, digits, and . _ - only, and must begin with a letter, a digit or _';
const DURATION = 'must be a duration such as 90s, 5m or 24h, or milliseconds; at least 1 ms, at most 365d';
const HOST = 'must be a host name or an IP address';
const BOOTSTRAP = 'bootstrap: must name what to wait for: login, cloudInit, marker or packages';
const REFERENCE = 'must be env:NAME or file:NAME';
const looped: Record<string, unknown> = { ...good };
looped['self'] = looped;

/** The mistake, the plan, and all its problems as `path: message`. */
const bad: readonly (readonly [what: string, plan: unknown, ...problems: string[]])[] = [
  ['nothing', undefined, 'the plan is missing'],
  ['null', null, 'the plan must be a mapping'],
  ['a text', 'provision', 'the plan must be a mapping'],
  ['a list', [], 'the plan must be a mapping'],
  ['an empty mapping', {}, 'target: is missing', 'steps: is missing'],
  ['what cannot be JSON', looped, expect.stringContaining('the plan cannot be written as JSON: ') as string],
  [
    'unknown keys',
    { ...good, stesp: [], x: 1 },
    'stesp: is not a known key; did you mean "steps"?',
    'x: is not a known key',
  ],
  [
    'an unknown key of a step',
    withStep({ tmieout: '1s' }),
    'steps[0].tmieout: is not a known key; did you mean "timeout"?',
  ],
  ...(
    [
      [withStep({ Script: 'x' }), 'steps[0].Script', 'script'],
      [withStep({ retry: { atempts: 2 } }), 'steps[0].retry.atempts', 'attempts'],
      [withTarget({ 'host-key': 'x' }), 'target.host-key', 'hostKey'],
      [withTarget({ jump: [{ host: 'j', usr: 'x' }] }), 'target.jump[0].usr', 'user'],
      [{ ...good, on_step_failure: 'park' }, 'on_step_failure', 'onStepFailure'],
      [{ ...good, sentinel: { pth: '/x' } }, 'sentinel.pth', 'path'],
      [{ ...good, bootstrap: { marker: '/x', timeuot: '1s' } }, 'bootstrap.timeuot', 'timeout'],
      [{ ...good, zmx: { sorce: 'tmux' } }, 'zmx.sorce', 'source'],
      [{ ...good, requierd: [] }, 'requierd', 'required'],
      [{ ...good, includes: ['x'] }, 'includes', 'include'],
      [{ ...good, Env: {} }, 'Env', 'env'],
    ] as const
  ).map(
    ([plan, path, key]) =>
      [`a slip of the hand: ${path}`, plan, `${path}: is not a known key; did you mean "${key}"?`] as const,
  ),
  [
    'a key that is near none',
    withStep({ [`x${'y'.repeat(100_000)}`]: 1 }),
    `steps[0].x${'y'.repeat(100_000)}: is not a known key`,
  ],
  ['no list of steps', { ...good, steps: {} }, 'steps: must be a list'],
  ['empty steps', { ...good, steps: [] }, 'steps: must hold at least one step'],
  [
    'steps of other kinds',
    { ...good, steps: [1, null] },
    'steps[0]: must be a mapping',
    'steps[1]: must be a mapping',
  ],
  [
    'too many steps',
    { ...good, steps: Array.from({ length: 65 }, (_, i) => ({ name: `s${i}`, script: 'true' })) },
    'steps: must hold at most 64 entries',
  ],
  ['a script that is a number', withStep({ script: 5 }), 'steps[0].script: must be text'],
  ['no script', withStep({ script: undefined }), 'steps[0].script: is missing'],
  ['an empty script', withStep({ script: ' \n' }), 'steps[0].script: must not be empty'],
  ['a NUL byte', withStep({ script: 'echo \0' }), 'steps[0].script: must not hold a NUL byte'],
  [
    'a script that is too long',
    withStep({ script: 'ž'.repeat(150_000) }),
    'steps[0].script: is 300000 bytes; at most 262144 are allowed',
  ],
  [
    'a script of 1 MB',
    withStep({ script: 'x'.repeat(1024 * 1024) }),
    expect.stringMatching(/^the plan is 1048\d\d\d bytes; at most 1048576 are allowed$/) as string,
  ],
  ['a name given twice', named(['a'], ['b'], ['a']), 'steps[2].name: "a" is already the name of steps[0]'],
  ['a reserved name', withStep({ name: 'logs' }), 'steps[0].name: is reserved: zmx keeps its logs there'],
  [
    'the name of a retry',
    withStep({ name: 'a.2' }),
    'steps[0].name: must not end in a dot and a number: sessions of later attempts are named like that',
  ],
  [
    'an over-long name',
    withStep({ name: 'x'.repeat(41) }),
    'steps[0].name: must be at most 40 characters long',
  ],
  ['an empty name', withStep({ name: '' }), 'steps[0].name: must not be empty'],
  ...['-a', 'a/b', '.', '..', 'a b', 'ž', 'a\n', 'a;b', '$(a)'].map(
    (name) => [`the name ${JSON.stringify(name)}`, withStep({ name }), `steps[0].name: ${NAME}`] as const,
  ),
  ['a step that needs itself', named(['a', 'a']), 'steps[0].needs: is a cycle: a → a'],
  ['a cycle', named(['a'], ['b', 'd'], ['c', 'b'], ['d', 'c']), 'steps[1].needs: is a cycle: b → d → c → b'],
  [
    'an unknown need',
    named(['a', 'b'], ['c', 'a', 'x']),
    'steps[0].needs[0]: there is no step "b"',
    'steps[1].needs[1]: there is no step "x"',
  ],
  ['needs that are no names', withStep({ needs: [1] }), 'steps[0].needs[0]: must be text'],
  ...[
    '0s',
    '0.0001ms',
    '1e9d',
    '366d',
    '999999999d',
    `${'0'.repeat(200)}1s`,
    ' 1s',
    '1 week',
    '',
    0.5,
    1e15,
    true,
  ].map(
    (timeout) =>
      [
        `the timeout ${JSON.stringify(timeout)}`,
        withStep({ timeout }),
        `steps[0].timeout: ${DURATION}`,
      ] as const,
  ),
  ['a timeout of nothing', withStep({ timeout: 0 }), 'steps[0].timeout: must be more than 0'],
  ['a parkTimeout of nothing', { ...good, parkTimeout: '0h' }, `parkTimeout: ${DURATION}`],
  [
    'a bad retry',
    withStep({ retry: { attempts: 101, backoff: 'soon' } }),
    'steps[0].retry.attempts: must be at most 100',
    `steps[0].retry.backoff: ${DURATION}`,
  ],
  ...['-oProxyCommand=x', '-l', 'a b', 'a;b', '$(x)', 'a@b', '`x`'].map(
    (host) => [`the host ${host}`, withTarget({ host }), `target.host: ${HOST}`] as const,
  ),
  ['no host', withTarget({ host: '' }), 'target.host: must not be empty'],
  [
    'a host of two lines',
    withTarget({ host: 'a\nb' }),
    'target.host: must be one line, without control characters',
  ],
  ['a user that is an option', withTarget({ user: '-oX=y' }), 'target.user: must not begin with a dash'],
  [
    'an escape in a user',
    withTarget({ user: 'a\u001b[2J' }),
    'target.user: must be one line, without control characters',
  ],
  ['port 0', withTarget({ port: 0 }), 'target.port: must be at least 1'],
  ['port 65536', withTarget({ port: 65536 }), 'target.port: must be at most 65535'],
  ['a broken port', withTarget({ port: 2.5 }), 'target.port: must be a whole number'],
  ['a port that is text', withTarget({ port: '22' }), 'target.port: must be a number'],
  [
    'a host key of another kind',
    withTarget({ hostKey: 'MD5:aa' }),
    'target.hostKey: must be known_hosts, accept-new or a fingerprint SHA256:…',
  ],
  [
    'a jump to nowhere',
    withTarget({ jump: [{ port: 0 }] }),
    'target.jump[0].host: is missing',
    'target.jump[0].port: must be at least 1',
  ],
  ...['1A', 'A-B', '', 'A=B', 'A\n'].map(
    (name) =>
      [
        `the variable ${JSON.stringify(name)}`,
        withStep({ env: { [name]: 'x' } }),
        `steps[0].env.${name}: must be the name of an environment variable`,
      ] as const,
  ),
  [
    'a variable of Chandler',
    withStep({ env: { CHANDLER_LAUNCH: 'x' } }),
    'steps[0].env.CHANDLER_LAUNCH: must not begin with CHANDLER_ or ZMX_: those are reserved',
  ],
  ...['env', 'required'].map(
    (key) =>
      [
        `${key} that is a text`,
        { ...good, [key]: 'A=1' },
        `${key}: must be a ${key === 'env' ? 'mapping' : 'list'}`,
      ] as const,
  ),
  [
    'bad variables of the plan',
    { ...good, env: { 'A-B': 'x', C: true, D: '\0', ZMX_DIR: '/x' } },
    'env.A-B: must be the name of an environment variable',
    'env.C: must be text',
    'env.D: must not hold a NUL byte',
    'env.ZMX_DIR: must not begin with CHANDLER_ or ZMX_: those are reserved',
  ],
  [
    'variables that are too many for so many steps',
    {
      ...good,
      env: { A: 'x'.repeat(40_000), B: 'x'.repeat(40_000) },
      steps: Array.from({ length: 20 }, (_, i) => ({ name: `s${i}`, script: 'true' })),
    },
    'env: is 80015 bytes; at most 52428 are allowed with 20 steps',
  ],
  [
    'required variables that have no value, no name or another type',
    { ...good, env: { A: '' }, required: ['A', 'B', 'B', '1C', 2, 'toString'] },
    'required[3]: must be the name of an environment variable',
    'required[4]: must be text',
    'required[1]: B has no value: set it in env, with --set B=VALUE, or in an --env-file',
    'required[5]: toString has no value: set it in env, with --set toString=VALUE, or in an --env-file',
  ],
  [
    'a required variable when env is no mapping',
    { ...good, env: 5, required: ['A'] },
    'env: must be a mapping',
  ],
  [
    'files that nothing has read',
    { ...good, include: ['common.yaml'] },
    'include: only the command line reads files: start the plan with `chandler up` or `chandler start`, or put the steps of these files into it',
  ],
  ['files that are no list', { ...good, include: 'common.yaml' }, 'include: must be a list'],
  ['a variable that is a number', withStep({ env: { A: 1 } }), 'steps[0].env.A: must be text'],
  ...['hunter2', 'env:', 'file:../shadow', 'file:/etc/shadow', 'env:A\nB'].map(
    (A) =>
      [
        `the secret ${JSON.stringify(A)}`,
        withStep({ secrets: { A } }),
        `steps[0].secrets.A: ${REFERENCE}`,
      ] as const,
  ),
  [
    'a bad zmx',
    { ...good, zmx: { source: 'apt', version: 'new', url: 'ftp://x', sha256: 'AB' } },
    'zmx.source: must be one of release, file, tmux',
    'zmx.version: must be a version such as 0.7.0',
    'zmx.url: must be an http or https address',
    'zmx.sha256: must be 64 lower-case hex digits',
  ],
  ['a bootstrap without anything to wait for', { ...good, bootstrap: { timeout: '1m' } }, BOOTSTRAP],
  [
    'a bootstrap that waits for nothing',
    { ...good, bootstrap: { cloudInit: false, packages: false } },
    BOOTSTRAP,
  ],
  [
    'a bootstrap of other kinds',
    { ...good, bootstrap: { login: true, cloudInit: 'yes', packages: 1 } },
    'bootstrap.login: must be one of wait',
    'bootstrap.cloudInit: must be true or false',
    'bootstrap.packages: must be true or false',
  ],
  ...[false, 'maybe', 1].map(
    (reboot) =>
      [`reboot: ${reboot}`, withStep({ reboot }), 'steps[0].reboot: must be true or allowed'] as const,
  ),
  [
    'much at once',
    {
      ...good,
      bootstrap: { marker: 'x' },
      sentinel: { path: 'y', whenPresent: 'no' },
      onStepFailure: 'cry',
      pruneAfterDays: 0,
    },
    'bootstrap.marker: must be an absolute path',
    'sentinel.path: must be an absolute path',
    'sentinel.whenPresent: must be one of skip-if-same-plan, skip, ignore',
    'onStepFailure: must be one of park, fail, continue',
    'pruneAfterDays: must be at least 1',
  ],
];

describe('validatePlan', () => {
  it.each(bad.map(([what, plan, ...problems]) => ({ what, plan, problems })))(
    'refuses $what',
    ({ plan, problems }) => {
      const said = (validatePlan(plan).problems ?? []).map((problem) => formatProblems([problem]));
      expect(said).toEqual(problems);
    },
  );

  it('agrees with the published schema, apart from what a schema cannot know', () => {
    const accepted = bad.filter(([, plan]) => problemsOfInput('plan', plan).length === 0);
    expect(accepted.map(([what]) => what)).toEqual([
      // Sizes in bytes.
      'a script that is too long',
      'a script of 1 MB',
      // What one key means for another one.
      'a name given twice',
      'a step that needs itself',
      'a cycle',
      'an unknown need',
      // How long a duration is.
      ...['0s', '0.0001ms', '366d', '999999999d', 1e15].map(
        (timeout) => `the timeout ${JSON.stringify(timeout)}`,
      ),
      'a parkTimeout of nothing',
      // Names that are reserved.
      'a variable of Chandler',
      'variables that are too many for so many steps',
      // Only the command line reads files, from a plan that editors check.
      'files that nothing has read',
      'a bootstrap without anything to wait for',
      'a bootstrap that waits for nothing',
    ]);
  });

  it.each(['web1', '10.0.0.1', '::1', 'fe80::1%eth0', 'host_1.example.com'])(
    'accepts the host %s',
    (host) => {
      expect(validatePlan(withTarget({ host })).problems).toBeUndefined();
    },
  );

  it('returns a valid plan unchanged', () => {
    expect(validatePlan(good)).toEqual({ plan: good });
  });

  it('returns quickly for any input', () => {
    const chain = Array.from({ length: 20_000 }, (_, i) => ({
      name: `s${i}`,
      script: 'x',
      needs: [`s${i + 1}`],
    }));
    const needy = named(['a', ...Array.from({ length: 100_000 }, (_, i) => `x${i}`)]);
    const names = Array.from({ length: 100_000 }, (_, i) => `V${i}`);
    const begin = process.cpuUsage();
    expect(validatePlan({ ...good, required: names }).problems).toHaveLength(100_000);
    expect(validatePlan({ ...good, steps: chain }).problems).toHaveLength(1);
    expect(
      validatePlan({ ...good, steps: Array.from({ length: 400_000 }, () => 1) }).problems?.[0]?.path,
    ).toBe('steps');
    expect(validatePlan(needy).problems).toHaveLength(100_000);
    expect(process.cpuUsage(begin).user / 1e6).toBeLessThan(20);
  });
});
