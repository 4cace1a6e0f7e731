import { describe, expect, test } from 'vitest';
import { parsePlan, renderProblems, renderWarnings } from '../../../src/cli/input/plan-file.ts';

const problemsOf = (text: string, targets: readonly string[] = []) =>
  renderProblems('plan.yaml', parsePlan(text, targets).problems ?? []).split('\n');

describe('parsePlan', () => {
  test('reads YAML', () => {
    const { plan } = parsePlan('target: {host: web1}\nsteps:\n  - name: a\n    script: |\n      echo hi\n');
    expect(plan).toEqual({ target: { host: 'web1' }, steps: [{ name: 'a', script: 'echo hi\n' }] });
  });

  test('reads JSON, also indented by tabs', () => {
    const value = { target: { host: 'web1' }, steps: [{ name: 'a', script: 'echo "hi"\n' }] };
    expect(parsePlan(JSON.stringify(value, undefined, '\t')).plan).toEqual(value);
  });

  test('takes the target from the command line', () => {
    const { plan } = parsePlan('steps: [{name: a, script: x}]', ['root@web1:2201']);
    expect(plan?.target).toEqual({ user: 'root', host: 'web1', port: 2201 });
  });

  test('names the line of each problem', () => {
    const text = [
      'target:',
      '  host: web1',
      '  port: 0',
      'steps:',
      '  - name: a',
      '    script: ""',
      '    tmieout: 3s',
      '  - script: x',
    ].join('\n');
    expect(problemsOf(text)).toEqual([
      expect.stringMatching(/^plan\.yaml:3: target\.port: /),
      expect.stringMatching(/^plan\.yaml:6: steps\[0\]\.script: must not be empty$/),
      expect.stringMatching(
        /^plan\.yaml:7: steps\[0\]\.tmieout: is not a known key; did you mean "timeout"\?$/,
      ),
      expect.stringMatching(/^plan\.yaml:8: steps\[1\]\.name: /),
    ]);
  });

  test('names the line of an item in a list', () => {
    const text = 'target: {host: h}\nsteps:\n  - name: a\n    script: x\n    needs:\n      - b\n';
    expect(problemsOf(text)).toEqual(['plan.yaml:6: steps[0].needs[0]: there is no step "b"']);
  });

  test('a problem of the command line has no line', () => {
    expect(problemsOf('steps: [{name: a, script: x}]', ['web1:70000'])).toEqual([
      expect.stringMatching(/^plan\.yaml:1: target\.port: /),
    ]);
  });

  test.each([
    ['a key that is there twice', 'name: a\nname: b\n', 'plan.yaml:2: Map keys must be unique'],
    ['a list without its end', 'name: x\nsteps: [1\n', 'plan.yaml:3: '],
    ['two documents', 'name: a\n---\nname: b\n', 'plan.yaml:2: '],
    ['an alias to nothing', 'name: *x\n', 'plan.yaml'],
    ['nothing at all', '', 'plan.yaml: the plan must be a mapping'],
  ])('refuses %s', (_, text, message) => {
    const [first, ...rest] = problemsOf(text);
    expect(first).toContain(message);
    expect(rest).toEqual([]);
  });

  test('an alias bomb is refused at once', () => {
    const levels = Array.from({ length: 12 }, (_, i) =>
      i === 0 ? 'a0: &a0 x' : `a${i}: &a${i} [${Array.from({ length: 10 }, () => `*a${i - 1}`).join(', ')}]`,
    );
    expect(problemsOf(levels.join('\n'))).toEqual([
      'plan.yaml: Excessive alias count indicates a resource exhaustion attack',
    ]);
  });
});

describe('the warnings of a plan', () => {
  const warningsOf = (text: string) => renderWarnings('plan.yaml', parsePlan(text).warnings ?? []);

  test.each([
    [
      'a block of lines: in the file',
      [
        'target: {host: h}',
        'steps:',
        '  - name: a',
        '    script: |',
        '      echo begin',
        '      make',
        '      echo end',
      ],
      /^plan\.yaml:6: warning: steps\[0\]\.script: if `make` fails/,
    ],
    [
      'a text in quotes: in the script',
      ['target: {host: h}', 'steps:', '  - name: a', '    script: "echo begin\\nmake\\necho end"'],
      /^plan\.yaml:4: warning: steps\[0\]\.script: line 2: if `make` fails/,
    ],
    [
      'JSON: in the script',
      [JSON.stringify({ target: { host: 'h' }, steps: [{ name: 'a', script: 'true\r\n' }] })],
      /^plan\.yaml:1: warning: steps\[0\]\.script: line 1: the line ends in CR LF/,
    ],
  ])('name the line of %s', (_, lines, message) => {
    expect(warningsOf(lines.join('\n'))).toEqual([expect.stringMatching(message)]);
  });

  test('are none for a file with line ends of CR LF, because YAML makes LF of them', () => {
    const text =
      'target: {host: h}\r\nsteps:\r\n  - name: a\r\n    script: |\r\n      set -e\r\n      make\r\n      make\r\n';
    expect(parsePlan(text).plan?.steps[0]?.script).toBe('set -e\nmake\nmake\n');
    expect(warningsOf(text)).toEqual([]);
  });
});
