import { describe, expect, it } from 'vitest';
import { expandText, pinFiles, unpinnedFiles } from '../../../src/domain/plan/files.ts';
import { planDigest, resolvePlan } from '../../../src/domain/plan/resolve-plan.ts';
import type { Plan, StepFile } from '../../../src/domain/plan/schema.ts';
import { validatePlan } from '../../../src/domain/plan/validate.ts';
import { partDigest } from '../../../src/domain/run/part-record.ts';

const SHA = 'a'.repeat(64);
const planOf = (...files: unknown[]) => ({
  target: { host: 'h' },
  env: { SHARED: 's' },
  steps: [{ name: 'a', files, env: { OWN: 'o' }, secrets: { TOKEN: 'env:TOKEN' } }],
});
const PLAIN =
  'files[0].path: must be the plain path of a file: without //, . and .., and without a / at its end';
const MODE = "files[0].mode: must be three or four octal digits in quotes, such as '0644'";
const EXPAND = 'files[0].expand: is for text in content or in a file only';
const ADDRESS = 'files[0].url: must be an http or https address, without a password';
const problemsOf = (...files: unknown[]) =>
  (validatePlan(planOf(...files)).problems ?? []).map(
    ({ path, message }) => `${path.replace('steps[0].', '')}: ${message}`,
  );
const file = (changes: Record<string, unknown> = {}) => ({ path: '/etc/x', content: 'x', ...changes });

describe('the files of a step', () => {
  it.each([
    ['text', file()],
    ['nothing', file({ content: '' })],
    ['base64', file({ content: 'AAE=', encoding: 'base64' })],
    ['a secret', { path: '/x', secret: 'file:keys/tls.key' }],
    ['a file of the worker', { path: '/x', from: 'worker:debs/foo_1.0+1~2.deb', sha256: SHA }],
    ['an address', { path: '/x', url: 'https://example.org/a?b=c@d#e', sha256: SHA }],
    ['every key', file({ mode: '4755', owner: 'www-data:1000', expand: true })],
    ['a path with blanks, quotes and $()', file({ path: "/a b/c'd/$(touch x)/…/`e`/-f" })],
    ['variables of step and plan, and a secret', file({ content: '${OWN}${SHARED}${TOKEN}', expand: true })],
    ['what is no variable', file({ content: '$$ $NAME $(x) ${A:-b} ${ A} ${1} ${} ${A', expand: true })],
    ['unknown variables without expand', file({ content: '${NONE}' })],
  ])('can have %s', (_, each) => {
    expect(problemsOf(each)).toEqual([]);
  });

  it.each<[string, unknown, string]>([
    ['no mapping', 'x', 'files[0]: must be a mapping'],
    ['a relative path', file({ path: 'etc/x' }), 'files[0].path: must be an absolute path'],
    ['a home', file({ path: '~/x' }), 'files[0].path: must be an absolute path'],
    ['..', file({ path: '/a/../etc/x' }), PLAIN],
    ['.. at the end', file({ path: '/a/..' }), PLAIN],
    ['.', file({ path: '/a/./x' }), PLAIN],
    ['//', file({ path: '/a//x' }), PLAIN],
    ['a directory', file({ path: '/a/' }), PLAIN],
    ['the root', file({ path: '/' }), PLAIN],
    ['a line end', file({ path: '/a\nb' }), 'files[0].path: must be one line, without control characters'],
    ['NUL', file({ path: '/a\0b' }), 'files[0].path: must not hold a NUL byte'],
    [
      'a long name',
      file({ path: `/${'ä'.repeat(128)}` }),
      'files[0].path: must hold no name of more than 255 bytes',
    ],
    ...['644a', '0888', '64', '00644', 'u+s', ''].map((mode): [string, unknown, string] => [
      `the mode "${mode}"`,
      file({ mode }),
      MODE,
    ]),
    ['a mode without quotes', file({ mode: 644 }), MODE],
    ...['-R', 'a b', 'a:b:c', 'root;id', '$(id)', 'a\nb', ':', 'a:', ''].map(
      (owner): [string, unknown, string] => [
        `the owner ${JSON.stringify(owner)}`,
        file({ owner }),
        'files[0].owner: must be USER or USER:GROUP',
      ],
    ),
    ['no content', { path: '/x' }, 'files[0]: must have one of content, secret, from, url; it has none'],
    [
      'two contents',
      file({ from: 'worker:x' }),
      'files[0]: must have one of content, secret, from, url; it has content and from',
    ],
    ['NUL in the content', file({ content: 'a\0' }), 'files[0].content: must not hold a NUL byte'],
    ['a number', file({ content: 1 }), 'files[0].content: must be text'],
    ['another encoding', file({ encoding: 'gzip' }), 'files[0].encoding: must be one of base64'],
    ['bad base64', file({ encoding: 'base64', content: 'a b=' }), 'files[0].content: is not base64'],
    [
      'encoding without content',
      { path: '/x', secret: 'env:A', encoding: 'base64' },
      'files[0].encoding: is for content only',
    ],
    [
      'a secret by value',
      { path: '/x', secret: 'hunter2' },
      'files[0].secret: must be env:NAME or file:NAME',
    ],
    [
      'an address without checksum',
      { path: '/x', url: 'https://a/b' },
      'files[0].sha256: is missing: a url needs the checksum of what it leads to',
    ],
    ['another protocol', { path: '/x', url: 'file:///etc/shadow', sha256: SHA }, ADDRESS],
    ['a password in an address', { path: '/x', url: 'https://me:pw@a/b', sha256: SHA }, ADDRESS],
    ['a checksum of text', file({ sha256: SHA }), 'files[0].sha256: is for url and from: worker:NAME only'],
    [
      'a short checksum',
      { path: '/x', url: 'https://a/b', sha256: 'ab' },
      'files[0].sha256: must be 64 lower-case hex digits',
    ],
    [
      'a file beside a plan that is sent',
      { path: '/x', from: 'nginx.conf' },
      'files[0].from: only the command line reads files beside a plan: start the plan with `chandler up` or `chandler start`, give the content, or name a file of the worker with worker:NAME',
    ],
    ...['worker:', 'worker:/etc/shadow', 'worker:../x', 'worker:a/../../x', 'worker:a//b'].map(
      (from): [string, unknown, string] => [
        from,
        { path: '/x', from },
        "files[0].from: must be worker:NAME, with the path of a file below the worker's CHANDLER_FILES_DIR",
      ],
    ),
    [
      'an unknown variable',
      file({ content: 'a\n${OTHER} ${X}', expand: true }),
      'files[0].content: line 2: ${OTHER}, and 1 more: the step has no such variable or secret; declare it in env',
    ],
    ['expand of an address', { path: '/x', url: 'https://a/b', sha256: SHA, expand: true }, EXPAND],
    ['expand of a secret', { path: '/x', secret: 'env:A', expand: true }, EXPAND],
    ['expand of base64', file({ content: 'AAE=', encoding: 'base64', expand: true }), EXPAND],
    ['an unknown key', file({ src: 'x' }), 'files[0].src: is not a known key'],
  ])('cannot have %s', (_, each, problem) => {
    expect(problemsOf(each)).toEqual([problem]);
  });

  it('cannot share a path, also across steps', () => {
    expect(problemsOf(file(), file())).toEqual(['files[1].path: is already placed by steps[0].files[0]']);
    const steps = ['a', 'b'].map((name) => ({ name, files: [file()] }));
    expect(validatePlan({ target: { host: 'h' }, steps }).problems).toEqual([
      { path: 'steps[1].files[0].path', message: 'is already placed by steps[0].files[0]' },
    ]);
  });

  it.each([
    ['in either order', ['/a/b/c', '/a/b'], [['files[0].path', '/a/b', 'steps[0].files[1]']]],
    ['at any depth', ['/a', '/a/b/c/d'], [['files[1].path', '/a', 'steps[0].files[0]']]],
    ['but beside it', ['/a/b', '/a/b-c', '/a/b.d/e', '/a/bc'], []],
    [
      'several times',
      ['/a/b/d', '/a/b', '/a/b!', '/a/b/c/e'],
      [
        ['files[3].path', '/a/b', 'steps[0].files[1]'],
        ['files[0].path', '/a/b', 'steps[0].files[1]'],
      ],
    ],
  ])('cannot be below another file, %s', (_, paths, found) => {
    expect(problemsOf(...paths.map((path) => file({ path })))).toEqual(
      found.map(([at, above, by]) => `${at}: is below ${above}, where ${by} places a file`),
    );
  });

  it.each([[{}], [null], ['x']])('that are %j instead of a list are one problem', (files) => {
    const steps = [{ name: 'a', files }];
    expect(validatePlan({ target: { host: 'h' }, steps }).problems).toEqual([
      { path: 'steps[0].files', message: 'must be a list' },
    ]);
  });

  it('cannot have text that is not valid Unicode', () => {
    expect(problemsOf(file({ content: 'a\ud800' }))).toEqual([
      'files[0].content: must not hold half of a surrogate pair, which is no character',
    ]);
  });

  it('of the worker are listed if the digest of the plan does not cover them', () => {
    const from = (name: string, more = {}) => file({ content: undefined, from: `worker:${name}`, ...more });
    const plan = planOf(from('a', { path: '/a' }), from('b', { sha256: SHA }), from('a'), file());
    expect(unpinnedFiles(plan as Plan)).toEqual(['worker:a']);
    expect(planDigest(plan as Plan)).not.toBe(planDigest(pinFiles(plan as Plan, { a: SHA })));
    expect(planDigest(plan as Plan)).toBe(planDigest(pinFiles(plan as Plan, { b: SHA })));
  });

  it('are at most 64, and 256 KiB together', () => {
    const many = (count: number) => Array.from({ length: count }, (_, i) => file({ path: `/${i}` }));
    expect(problemsOf(...many(64))).toEqual([]);
    expect(problemsOf(...many(65))).toEqual(['files: must hold at most 64 entries']);
    expect(problemsOf(...many(10_000))).toEqual(['files: must hold at most 64 entries']);
    const half = 'x'.repeat(128 * 1024);
    const large = [file({ path: '/1', content: half }), file({ path: '/2', content: half })];
    expect(problemsOf(...large)).toEqual([]);
    expect(problemsOf(...large, file({ path: '/3' }), file({ path: '/4' }))).toEqual([
      expect.stringMatching(
        /^files\[2\]\.content: the contents of the files are 262145 bytes or more together/,
      ),
    ]);
  });

  it('make the script optional', () => {
    const steps = [
      { name: 'a' },
      { name: 'b', files: [] },
      { name: 'c', files: [file()] },
      { name: 'd', script: 'x' },
    ];
    expect(validatePlan({ target: { host: 'h' }, steps }).problems).toEqual(
      [0, 1].map((i) => ({ path: `steps[${i}].script`, message: 'is missing' })),
    );
  });
});

describe('digests', () => {
  const digests = (files: StepFile[]) => {
    const plan = planOf(...files) as Plan;
    return [planDigest(plan), partDigest(resolvePlan(plan).steps[0]!, 'step')] as const;
  };
  const base: StepFile = { path: '/x', from: 'worker:a', sha256: SHA };

  it.each<[string, StepFile, StepFile]>([
    ['content', file(), file({ content: 'y' })],
    ['path', file(), file({ path: '/y' })],
    ['mode', file(), file({ mode: '0600' })],
    ['owner', file(), file({ owner: 'root' })],
    ['expand', file(), file({ expand: true })],
    ['encoding', file({ content: 'AAAA' }), file({ content: 'AAAA', encoding: 'base64' })],
    ['secret', { path: '/x', secret: 'env:A' }, { path: '/x', secret: 'env:B' }],
    ['checksum', base, { ...base, sha256: 'b'.repeat(64) }],
  ])('differ if the %s does', (_, one, other) => {
    const [first, second] = [digests([one]), digests([other])];
    expect(first[0]).not.toBe(second[0]);
    expect(first[1]).not.toBe(second[1]);
  });

  it.each<[string, StepFile, StepFile]>([
    ['the notation of a mode', file({ mode: '644' }), file({ mode: '0644' })],
    ['the default of a mode', file(), file({ mode: '0644' })],
    ['where a checked content comes from', base, { path: '/x', url: 'https://a/b', sha256: SHA }],
  ])('do not depend on %s', (_, one, other) => {
    expect(digests([one])).toEqual(digests([other]));
  });

  it('of a step without files do not contain files', () => {
    expect(digests([])).toEqual([
      planDigest({ ...planOf(), steps: [{ ...planOf().steps[0]!, files: undefined, script: '' }] } as Plan),
      digests([])[1],
    ]);
  });

  it('of a finalizer do not depend on files, because it follows each launch of the step', () => {
    const [one, other] = [file(), file({ content: 'y' })].map((each) =>
      partDigest(resolvePlan(planOf(each) as Plan).steps[0]!, 'finalizer'),
    );
    expect(one).toBe(other);
  });

  it('change with the files of the worker', () => {
    const plan = planOf({ path: '/x', from: 'worker:a' }, file()) as Plan;
    const pinned = pinFiles(plan, { a: SHA, other: SHA });
    expect(pinned.steps[0]?.files).toEqual([{ path: '/x', from: 'worker:a', sha256: SHA }, file()]);
    expect(planDigest(pinned)).not.toBe(planDigest(pinFiles(plan, { a: 'b'.repeat(64) })));
    expect(pinFiles(plan, {})).toBe(plan);
  });
});

describe('expandText', () => {
  it('replaces declared variables, and nothing inside of their values', () => {
    const unknown: string[] = [];
    const values = { A: '${B} $& $1 $(id)', B: 'b' };
    expect(
      expandText('${A}|$A|$$|${B}${B}|\\${B}|$${B}|${C}|${__proto__}', values, (name) => unknown.push(name)),
    ).toBe('${B} $& $1 $(id)|$A|$$|bb|\\b|$b|${C}|${__proto__}');
    expect(unknown).toEqual(['C', '__proto__']);
  });
});
