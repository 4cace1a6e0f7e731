import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { judgePlan, readPlan, renderProblems } from '../../../src/cli/input/plan-file.ts';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'inline-'));
  mkdirSync(join(dir, 'common'));
  mkdirSync(join(dir, 'directory'));
  const files: Record<string, string | Buffer> = {
    text: 'é ${A}\n',
    binary: Buffer.from([0, 255, 1]),
    nul: 'a\0b',
    empty: '',
    'common/text': 'common',
    half: Buffer.alloc(150 * 1024, 'x'),
    whole: Buffer.alloc(256 * 1024, 'x'),
    large: Buffer.alloc(256 * 1024 + 1, 'x'),
    'worker:x': 'local',
    'common/steps.yaml':
      'steps:\n  - name: c\n    files:\n      - path: /c\n        from: text\n      - path: /n\n        from: none\n',
  };
  for (const [name, content] of Object.entries(files)) writeFileSync(join(dir, name), content);
  symlinkSync('text', join(dir, 'link'));
  spawnSync('mkfifo', [join(dir, 'pipe')]);
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const judge = async (lines: readonly string[], include = '') => {
  const file = join(dir, 'plan.yaml');
  writeFileSync(
    file,
    `target: { host: h }\nenv: { A: a }\n${include}steps:\n  - name: a\n    files:\n${lines.map((line) => `      - { ${line} }\n`).join('')}`,
  );
  return judgePlan(await readPlan(file, {}, { stdin: new PassThrough() }));
};
const filesOf = async (...lines: string[]) => (await judge(lines)).plan?.steps[0]?.files;
const problemsOf = async (...lines: string[]) =>
  renderProblems('plan.yaml', (await judge(lines)).problems ?? [])
    .replaceAll(`${dir}/`, '')
    .split('\n');

describe('files beside a plan', () => {
  it.each([
    ['text', { content: 'é ${A}\n' }],
    ['./text', { content: 'é ${A}\n' }],
    ['link', { content: 'é ${A}\n' }],
    ['empty', { content: '' }],
    ['binary', { content: 'AP8B', encoding: 'base64' }],
    ['nul', { content: 'YQBi', encoding: 'base64' }],
    ['./worker:x', { content: 'local' }],
    ['worker:x', { from: 'worker:x' }],
  ])('become content: %s', async (from, expected) => {
    expect(await filesOf(`path: /x, from: "${from}", mode: '0600'`)).toEqual([
      { path: '/x', mode: '0600', ...expected },
    ]);
  });

  it('are found from the file that names them', async () => {
    const { problems } = await judge(['path: /x, from: text'], 'include: [common/steps.yaml]\n');
    expect(renderProblems('plan.yaml', problems ?? []).replaceAll(`${dir}/`, '')).toBe(
      "common/steps.yaml:7: steps[0].files[1].from: common/none: no such file; write worker:NAME for a file in the worker's CHANDLER_FILES_DIR",
    );
    writeFileSync(join(dir, 'common/none'), '');
    const { plan } = await judge(['path: /x, from: text'], 'include: [common/steps.yaml]\n');
    expect(plan?.steps.map(({ files }) => files?.[0]?.content)).toEqual(['common', 'é ${A}\n']);
  });

  const ROOM = `a plan has room for 262144 bytes of files together: put a large file into the worker's CHANDLER_FILES_DIR and name it with from: worker:NAME, or give a url with its sha256`;
  it.each<[string, string[], string[]]>([
    [
      'a missing file',
      ['path: /x, from: none'],
      ["none: no such file; write worker:NAME for a file in the worker's CHANDLER_FILES_DIR"],
    ],
    ['a directory', ['path: /x, from: directory'], ['directory: it is a directory, not a regular file']],
    ['a pipe', ['path: /x, from: pipe'], ['pipe: it is a pipe, not a regular file']],
    ['a device', ['path: /x, from: /dev/zero'], ['/dev/zero: it is a device, not a regular file']],
    ['a large file', ['path: /x, from: large'], [`large has 262145 bytes, and ${ROOM}`]],
    [
      'two files that are large together',
      ['path: /x, from: half', 'path: /y, from: half'],
      [`half has 153600 bytes, and ${ROOM}`],
    ],
    [
      'binary data to expand',
      ['path: /x, from: binary, expand: true'],
      ['binary is not UTF-8 text, which expand needs'],
    ],
  ])('are refused with one message: %s', async (_, lines, messages) => {
    const at = lines.length - 1;
    expect(await problemsOf(...lines)).toEqual(
      messages.map((message) => `plan.yaml:${6 + at}: steps[0].files[${at}].from: ${message}`),
    );
  });

  it('may be as large as a plan allows', async () => {
    expect(await filesOf('path: /x, from: whole')).toHaveLength(1);
  });

  it('are refused with one message if the file also has content of its own', async () => {
    expect(await problemsOf('path: /x, from: none, content: x')).toEqual([
      'plan.yaml:6: steps[0].files[0]: must have one of content, secret, from, url; it has content and from',
    ]);
  });

  it('are expanded with the variables of the plan', async () => {
    writeFileSync(join(dir, 'unknown'), 'a\n${B}\n');
    expect(await filesOf('path: /x, from: text, expand: true')).toHaveLength(1);
    expect(await problemsOf('path: /x, from: unknown, expand: true')).toEqual([
      'plan.yaml:6: steps[0].files[0].content: line 2: ${B}: the step has no such variable or secret; declare it in env',
    ]);
  });
});
