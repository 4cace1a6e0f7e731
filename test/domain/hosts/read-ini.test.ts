import { describe, expect, it, test } from 'vitest';
import { readIni } from '../../../src/domain/hosts/read-ini.ts';

/** The hosts with their groups and variables; values that are no text by their kind. */
function hostsIn(text: string): Record<string, { groups: string; vars: Record<string, unknown> }> {
  const inventory = readIni(text);
  expect(inventory.problems).toEqual([]);
  return Object.fromEntries(
    inventory.resolve().map(({ name, groups, vars }) => [
      name,
      {
        groups: groups.join(' '),
        vars: Object.fromEntries([...vars].map(([key, { value }]) => [key, value])),
      },
    ]),
  );
}
const namesIn = (text: string) => Object.keys(hostsIn(text));
const varsOf = (text: string) => Object.values(hostsIn(text))[0]?.vars;

describe('hosts', () => {
  test.each([
    ['a', ['a']],
    ['web[01:03].example.org', ['web01.example.org', 'web02.example.org', 'web03.example.org']],
    ['web[1:9:4]', ['web1', 'web5', 'web9']],
    ['db-[a:c]', ['db-a', 'db-b', 'db-c']],
    ['r[1:2]-[x:y]', ['r1-x', 'r1-y', 'r2-x', 'r2-y']],
    ['10.0.0.[9:10]', ['10.0.0.9', '10.0.0.10']],
    ['2001:db8::1', ['2001:db8::1']],
    ['[:2]x', ['0x', '1x', '2x']],
  ])('%s', (pattern, names) => {
    // A line may begin with a bracket only after another word.
    expect(namesIn(pattern.startsWith('[') ? `a${pattern}` : pattern)).toEqual(
      pattern.startsWith('[') ? names.map((name) => `a${name}`) : names,
    );
  });

  test.each([
    ['a:2222', 'a', '2222'],
    ['[2001:db8::1]:2022', '2001:db8::1', '2022'],
    ['[2001:db8::1]:2022 x=1', '2001:db8::1', '2022'],
  ])('%s has a port', (line, name, port) => {
    expect(hostsIn(line)[name]?.vars).toMatchObject({ ansible_port: port });
  });
});

describe('variables of a host', () => {
  test.each([
    ['x=plain', 'plain'],
    ['x="two words"', 'two words'],
    [`x='it''s'`, 'its'],
    [`x="a\\"b"`, 'a"b'],
    ['x=a\\ b', 'a b'],
    ['x=1 # a comment', '1'],
    ['x="a # none"', 'a # none'],
    // Ansible evaluates the text as Python, which has comments.
    ['x="1 # none"', '1'],
    [`x="'5'"`, '5'],
    ['x=a=b', 'a=b'],
    ['x=', ''],
    ['x=True', 'True'],
    ['x=1.10', '1.10'],
    ['x=010', '010'],
    ['x=None', null],
    [`x="{'a': [1, 2]}"`, { kind: 'mapping' }],
    ['x=[1,2]', { kind: 'list' }],
    ['x=[1,2', '[1,2'],
    ['x=$(id)', '$(id)'],
    ['x={{y}}', '{{y}}'],
  ])('%s', (assignment, value) => {
    expect(varsOf(`h ${assignment}`)).toEqual({ x: value });
  });
});

describe('variables of a group', () => {
  test.each([
    ['x=a b # kept', 'a b # kept'],
    ['x=80 # the port', '80'],
    [`x='a' # a comment`, 'a'],
    ['x=#', '#'],
    ['x=[1] # a comment', { kind: 'list' }],
    ['x = a ', 'a'],
    ['x="quoted"', 'quoted'],
    [`x='a' 'b'`, 'ab'],
    [`x="open`, '"open'],
    [`x='-o A=b -o C=d'`, '-o A=b -o C=d'],
    ['x=(1, 2)', { kind: 'list' }],
    ['x={}', { kind: 'mapping' }],
    ['x="\\n"', '\n'],
  ])('%s', (assignment, value) => {
    expect(varsOf(`[g]\nh\n[g:vars]\n${assignment}`)).toEqual({ x: value });
  });

  it('win from parents to children, by depth, priority and name', () => {
    const text = `
h x=host
i
[b]
i
[a]
i
[parent:children]
a
[parent:vars]
x=parent
p=parent
[a:vars]
x=a
[b:vars]
x=b
only=b
[all:vars]
x=all
only=all
rest=all
`;
    expect(hostsIn(text)).toMatchObject({
      h: { groups: '', vars: { x: 'host', only: 'all', rest: 'all' } },
      i: { groups: 'b parent a', vars: { x: 'a', only: 'b', p: 'parent', rest: 'all' } },
    });
    const first = text
      .replace('[b:vars]', '[b:vars]\nansible_group_priority=10')
      .replace('[a:vars]\nx=a', '');
    expect(hostsIn(first)['i']?.vars).toEqual({ x: 'b', p: 'parent', only: 'b', rest: 'all' });
  });
});

test('comments, empty lines, CR LF, a BOM, and sections with comments are read', () => {
  const text = '\uFEFF; one\r\n\r\n# two\r\n[g] # three\r\nh\r\n[p:children]\r\ng # four\r\n';
  expect(hostsIn(text)).toEqual({ h: { groups: 'p g', vars: {} } });
});

describe('every wrong line is a problem', () => {
  test.each([
    ['h x', 1, 'x: a variable of a host must be NAME=VALUE'],
    ['h "x', 1, 'a quote " is not closed'],
    ['[g', 1, '[g: a range must be closed, and must not hold another one'],
    ['[g h]', 1, 'not a section: [g h]'],
    ['[g:other]', 1, '[g:other]: a section is [GROUP], [GROUP:children] or [GROUP:vars]'],
    ['\n[g:vars]\nx=1', 2, '[g:vars]: no section declares the group g'],
    ['[g:children]\nmissing', 2, '[g:children]: no section declares the group missing'],
    ['[g]\n[g:vars]\nnothing', 3, 'a variable must be NAME=VALUE: nothing'],
    ['[a:children]\nb\n[b:children]\na', 4, 'group b cannot contain a, which contains it'],
    ['h[1:]', 1, 'h[1:]: a range must be between two numbers or two letters'],
    ['h[5:1]', 1, 'h[5:1]: a range must not begin after its end'],
    ['h[01:100]', 1, 'h[01:100]: begin and end of a range with leading zeros must be equally long'],
    ['h[1:2:0]', 1, 'h[1:2:0]: the step of a range must be a positive number'],
    ['h[1:999999999]', 1, 'h[1:999999999]: names more than 50000 hosts'],
    ['h[1:999][1:999][1:999]', 1, 'h[1:999][1:999][1:999]: names more than 50000 hosts'],
    ['h[1]', 1, 'h[1]: a range must be [BEGIN:END] or [BEGIN:END:STEP]'],
    ['h:', 1, 'h:: a port must follow the colon'],
    ['"a b"', 1, 'the name of a host must not have white space: a b'],
  ])('%j', (text, line, message) => {
    expect(readIni(text).problems).toEqual([{ path: '', line, message }]);
  });
});
