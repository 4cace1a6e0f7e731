import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it, test } from 'vitest';
import { toHosts } from '../../../src/domain/hosts/hosts.ts';
import { readInventory } from '../../../src/cli/hosts/read-inventory.ts';
import { readInventoryText } from '../../../src/cli/hosts/read-inventory-text.ts';
import { fakeContext } from '../fake-context.ts';

/** The hosts of a text with their settings, and every problem as `LINE: PATH: MESSAGE`. */
function read(text: string, name = 'hosts') {
  const { format, inventory } = readInventory(text, name);
  const { hosts, problems } = toHosts(inventory.resolve());
  return {
    format,
    hosts: Object.fromEntries(
      hosts.map(({ name, target, env, labels, groups }) => [
        name,
        {
          target,
          env: Object.fromEntries([...env].map(([key, { value }]) => [key, value])),
          labels,
          groups: groups.join(' '),
        },
      ]),
    ),
    problems: [...inventory.problems, ...problems].map(({ line, path, message }) =>
      [line, path, message].join(': '),
    ),
    ignored: [...inventory.ignored, ...hosts.flatMap((host) => host.ignored)].map(
      ({ name, reason, host = '', line }) => `${line}: ${host} ${name}: ${reason}`,
    ),
  };
}

const OWN = `
target: { user: root, port: 22 }
env: { A: all, B: all, C: all, D: all }
labels: { stage: test }
groups:
  web:
    hosts: ['web[1:2]', other:2222]
    target: { port: 2200, jump: [{ host: gate }] }
    env: { A: web, B: web, C: web }
  prod:
    children: [web]
    labels: { stage: prod }
    env: { A: prod, B: prod, E: prod }
hosts:
  web1: { target: { host: 10.0.0.1 }, env: { A: host }, labels: { rack: r1 } }
  lone.example.org:
`;

describe('our own format', () => {
  it('has settings for all hosts, for groups and for hosts; the nearest wins', () => {
    const { format, hosts, problems, ignored } = read(OWN);
    expect({ format, problems, ignored }).toEqual({ format: 'chandler', problems: [], ignored: [] });
    const jump = [{ host: 'gate' }];
    expect(hosts).toEqual({
      web1: {
        target: { host: '10.0.0.1', user: 'root', port: 2200, jump },
        env: { A: 'host', B: 'web', C: 'web', D: 'all', E: 'prod' },
        labels: { stage: 'prod', rack: 'r1' },
        groups: 'prod web',
      },
      web2: {
        target: { host: 'web2', user: 'root', port: 2200, jump },
        env: { A: 'web', B: 'web', C: 'web', D: 'all', E: 'prod' },
        labels: { stage: 'prod' },
        groups: 'prod web',
      },
      other: expect.objectContaining({ target: { host: 'other', user: 'root', port: 2222, jump } }) as object,
      'lone.example.org': {
        target: { host: 'lone.example.org', user: 'root', port: 22 },
        env: { A: 'all', B: 'all', C: 'all', D: 'all' },
        labels: { stage: 'test' },
        groups: '',
      },
    });
  });

  it('can be a list of hosts, or JSON', () => {
    expect(Object.keys(read('hosts: [a, "b[1:2]"]').hosts)).toEqual(['a', 'b1', 'b2']);
    expect(Object.keys(read('{"groups": {"g": {"hosts": ["a"]}}}').hosts)).toEqual(['a']);
  });

  test.each([
    ['hosts:\n  a: { targt: {} }', '2: hosts.a.targt: is not a known key'],
    ['hosts:\n  a.b:\n    target: { port: 0 }', '3: hosts.a.b.target.port: must be at least 1'],
    ['hosts: [a]\nenv:\n  X: 1', '3: env.X: must be text'],
    ['hosts: [a]\nenv: { 1X: a }', '2: env.1X: must be the name of an environment variable'],
    [
      'hosts: [a]\nlabels: { -: b }',
      '2: labels.-: must be 1 to 63 letters, digits, and . _ - / between them',
    ],
    ['groups:\n  g: { hosts: a }', '2: groups.g.hosts: must be a list'],
    ['groups:\n  g:\n    children: [gone]', '3: groups.g.children[0]: there is no group gone'],
    [
      'groups:\n  all: {}',
      '2: groups.all: every inventory has this group; what holds for all hosts stands at the top',
    ],
    [
      'groups:\n  "a:b": {}',
      '2: groups.a:b: is not the name of a group: it must not have white space or one of : , & ! ~ * ? [ ]',
    ],
    ['hosts:\n  - "a[1:"', '2: hosts: a[1:: a range must be closed, and must not hold another one'],
    ['hosts: 7', '1: hosts: must be a list of names, or a mapping of names'],
    ['hosts:\n  -oProxyCommand=x:', '2: -oProxyCommand=x: must be a host name or an IP address'],
    [
      'hosts:\n  a: { target: { host: "b;id" } }',
      '2: hosts.a.target.host: must be a host name or an IP address',
    ],
    ['hosts: [a]\nhosts: [b]', '2: : Map keys must be unique'],
    ['- a', '1: : an inventory must be a mapping: of hosts and groups, or of groups as for Ansible'],
  ])('reports %j with its line', (text, problem) => {
    expect(read(text, 'hosts.yaml').problems).toEqual([problem]);
  });
});

describe('YAML of Ansible', () => {
  it('has groups in groups, ranges, merged mappings, and the words of YAML 1.1', () => {
    const text = `
all:
  vars: &v { ansible_user: admin, FLAG: yes, MODE: 0644, DAY: 2024-01-02, SHA: 12e5, Y: y, ID: 09 }
  hosts: lone
  children:
    web:
      hosts:
        web[1:2]:2222: { N: 1 }
      vars: { <<: *v, FLAG: no, LIST: [1] }
    empty:
    odd: { other: {} }
`;
    const { format, hosts, problems, ignored } = read(text);
    expect({ format, problems }).toEqual({ format: 'ansible-yaml', problems: [] });
    const env = { FLAG: 'true', MODE: '420', DAY: '2024-01-02', SHA: '12e5', Y: 'y', ID: '09' };
    expect(hosts).toEqual({
      lone: { target: { host: 'lone', user: 'admin' }, env, labels: {}, groups: '' },
      web1: {
        target: { host: 'web1', user: 'admin', port: 2222 },
        env: { ...env, FLAG: 'false', N: '1' },
        labels: {},
        groups: 'web',
      },
      web2: expect.anything() as object,
    });
    expect(ignored).toEqual([
      '11: : all.children.odd.other: a group has hosts, vars and children'.replace(': :', ': '),
      '9: web1 LIST: is a list',
      '9: web2 LIST: is a list',
    ]);
  });

  test.each([
    ['all:\n  hosts: [a]', '2: all.hosts: must be a mapping'],
    ['all:\n  hosts:\n    a: 1', '3: all.hosts.a: must be a mapping of variables'],
    ['web: 7', '1: web: must be a group: a mapping with hosts, vars or children'],
    ['all:\n  hosts:\n    a: { ansible_port: 99999 }', '3: a: target.port: must be at most 65535'],
    [
      'all:\n  hosts:\n    a: { ansible_host: "-oX=y" }',
      '3: a: target.host: must be a host name or an IP address',
    ],
    [
      'plugin: aws_ec2',
      '1: plugin: is the configuration of the plugin aws_ec2, which only Ansible can run; give the output of: ansible-inventory --list',
    ],
    ['all: [', '1: : Flow sequence in block collection must be sufficiently indented and end with a ]'],
  ])('reports %j with its line', (text, problem) => {
    expect(read(text, 'hosts.yml').problems[0]).toBe(problem);
  });
});

describe('JSON of an inventory script', () => {
  it('has lists of hosts, and their variables beside them', () => {
    const text = JSON.stringify({
      _meta: { hostvars: { a: { ansible_host: '10.0.0.1', N: 1 }, gone: {} } },
      all: { children: ['ungrouped', 'web'], vars: { V: 'all' } },
      web: { hosts: ['a'], vars: { V: 'web' } },
      ungrouped: { hosts: ['b'] },
      old: ['b'],
    });
    expect(read(text)).toEqual({
      format: 'ansible-json',
      problems: [],
      hosts: {
        a: { target: { host: '10.0.0.1' }, env: { V: 'web', N: '1' }, labels: {}, groups: 'web' },
        b: { target: { host: 'b' }, env: { V: 'all' }, labels: {}, groups: 'old' },
      },
      ignored: ['1:  _meta.hostvars.gone: no group has this host'],
    });
  });

  test.each([
    ['{"a": {"hosts": "b", "children": []}}', '1: a.hosts: must be a list of names'],
    ['{"a": {"hosts": [1]}}', '1: a.hosts: must be a list of names'],
    ['{"_meta": {"hostvars": []}}', '1: _meta.hostvars: must be a mapping of hosts'],
    ['{"a": {"hosts": ["x y"]}}', '1: : the name of a host must not have white space: x y'],
  ])('reports %s', (text, problem) => {
    expect(read(text).problems).toEqual([problem]);
  });
});

test.each([
  ['a\nb', 'hosts', 'ansible-ini'],
  ['# c\n[web]\na', 'hosts', 'ansible-ini'],
  ['a ansible_host=b', 'inventory', 'ansible-ini'],
  ['---\nall:', 'hosts', 'ansible-yaml'],
  ['# c\n\nall:\n  hosts:', 'hosts', 'ansible-yaml'],
  ['{}', 'hosts', 'ansible-yaml'],
  ['a:2222', 'hosts', 'ansible-ini'],
  ['all:', 'hosts.ini', 'ansible-ini'],
  ['hosts: []', 'hosts', 'chandler'],
])('%j in a file named %s is %s', (text, name, format) => {
  expect(readInventory(text, name).format).toBe(format);
});

const fixtures = fileURLToPath(new URL('../../fixtures/inventories', import.meta.url));

/** What `ansible-inventory --list` prints: groups, and the variables of each host. */
interface AnsibleList {
  readonly hostvars: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly groups: Readonly<
    Record<string, { readonly hosts?: readonly string[]; readonly children?: readonly string[] }>
  >;
}

function readList(file: string): AnsibleList {
  const { _meta, ...groups } = JSON.parse(readFileSync(file, 'utf8')) as AnsibleList['groups'] & {
    readonly _meta: Pick<AnsibleList, 'hostvars'>;
  };
  return { ..._meta, groups };
}

/** The hosts of a group and of its children, in the order of the alphabet. */
function hostsOf(list: AnsibleList, group: string): string[] {
  const { hosts = [], children = [] } = list.groups[group] ?? {};
  return [...new Set([...hosts, ...children.flatMap((child) => hostsOf(list, child))])].toSorted();
}

/** Whether a value is the same, apart from what Chandler leaves alone in INI files: numbers and booleans stay texts, lists are not read. */
function isSame(read: unknown, expected: unknown): boolean {
  if (Array.isArray(expected) && isDeepStrictEqual(read, { kind: 'list' })) return true;
  if (isDeepStrictEqual(read, { kind: 'mapping' })) return typeof expected === 'object' && expected !== null;
  if (typeof expected === 'boolean' && typeof read === 'string')
    return read === (expected ? 'True' : 'False');
  if (typeof expected === 'number' && typeof read === 'string')
    return Number(read.replaceAll('_', '')) === expected;
  return isDeepStrictEqual(read, expected);
}

// A pair of files is a case. `ansible-inventory -i FILE --list >FILE.list.json` (ansible-core 2.19.14) writes the second one.
describe('hosts, groups and variables are those of ansible-inventory', () => {
  test.each(readdirSync(fixtures).filter((name) => !name.endsWith('.list.json')))('%s', async (name) => {
    const list = readList(join(fixtures, `${name}.list.json`));
    const file = join(fixtures, name);
    const text = await readInventoryText(file, { ...fakeContext(), env: { PATH: process.env['PATH'] } });
    const { inventory } = readInventory(text, file);
    const hosts = inventory.resolve();
    expect(inventory.problems).toEqual([]);
    expect(hosts.map((host) => host.name).toSorted()).toEqual(hostsOf(list, 'all'));
    const groups = Object.keys(list.groups).filter((group) => group !== 'all' && group !== 'ungrouped');
    const differences = hosts.flatMap(({ name: host, vars, groups: found }) => {
      const expected = list.hostvars[host] ?? {};
      const expectedGroups = groups.filter((group) => hostsOf(list, group).includes(host));
      return [
        ...(isDeepStrictEqual(found.toSorted(), expectedGroups.toSorted())
          ? []
          : [{ host, found, expectedGroups }]),
        ...[...new Set([...vars.keys(), ...Object.keys(expected)])].flatMap((key) =>
          isSame(vars.get(key)?.value, expected[key])
            ? []
            : [{ host, key, found: vars.get(key)?.value, expected: expected[key] }],
        ),
      ];
    });
    expect(differences).toEqual([]);
    expect(hosts.some(({ vars }) => vars.size > 0)).toBe(true);
  });
});
