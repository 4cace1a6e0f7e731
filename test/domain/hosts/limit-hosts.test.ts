import { describe, expect, it, test } from 'vitest';
import { limitHosts } from '../../../src/domain/hosts/limit-hosts.ts';
import { readIni } from '../../../src/domain/hosts/read-ini.ts';

const inventory = readIni(`
alone
10.0.0.1
2001:db8::1
[web]
web[1:4]
[db]
db1
db2
[prod:children]
web
db
[old]
web3
db2
`);

const chosen = (pattern: string) => {
  const { names, problem } = limitHosts(inventory, pattern);
  return problem ?? names?.join(' ');
};

describe('a pattern of Ansible', () => {
  test.each([
    ['all', 'alone 10.0.0.1 2001:db8::1 web1 web2 web3 web4 db1 db2'],
    ['*', 'web1 web2 web3 web4 db1 db2 alone 10.0.0.1 2001:db8::1'],
    ['al*', 'alone'],
    ['ungrouped', 'alone 10.0.0.1 2001:db8::1'],
    ['web', 'web1 web2 web3 web4'],
    ['web1', 'web1'],
    ['prod', 'web1 web2 web3 web4 db1 db2'],
    ['web:db', 'web1 web2 web3 web4 db1 db2'],
    ['db, web1', 'db1 db2 web1'],
    ['web:&old', 'web3'],
    ['web:!old', 'web1 web2 web4'],
    ['!old:web', 'web1 web2 web4'],
    ['web:&prod:!web3', 'web1 web2 web4'],
    ['!web', 'alone 10.0.0.1 2001:db8::1 db1 db2'],
    ['&old', 'web3 db2'],
    ['web*', 'web1 web2 web3 web4'],
    ['w*:!web[3:4]', 'web1 web2 web3'],
    ['?b1', 'db1'],
    ['web[13]', ''],
    ['web?', 'web1 web2 web3 web4'],
    ['web[0]', 'web1'],
    ['web[-1]', 'web4'],
    ['web[1:2]', 'web2 web3'],
    ['web[2:]', 'web3 web4'],
    ['web[9]', ''],
    ['~(web|db)1', 'web1 db1'],
    ['~b1', ''],
    ['~.*b1', 'web1 db1'],
    ['10.0.0.1', '10.0.0.1'],
    ['2001:db8::1', '2001:db8::1'],
    ['10.*', '10.0.0.1'],
    ['none', ''],
    ['', 'the pattern is empty'],
    [',', 'the pattern is empty'],
    ['web:&', 'a part of the pattern is empty'],
    ['~(', '~(: not a regular expression'],
    ['@file', '@file: files of host names are not read'],
    ['$(id)', ''],
  ])('%s', (pattern, names) => {
    expect(chosen(pattern)).toBe(names);
  });

  it('reports the parts that match nothing', () => {
    expect(limitHosts(inventory, 'web,dbb,!olld')).toMatchObject({ unmatched: ['dbb', '!olld'] });
  });
});
