import type { Command } from 'commander';
import { describe } from '../manual.ts';
import { type Act, lazily } from './act.ts';

export function addHosts(program: Command, act: Act): void {
  const hosts = program
    .command('hosts')
    .argument('<file>', 'an inventory: a file, a command that prints one, or - for standard input')
    .option('--limit <pattern>', "only these hosts, as in Ansible: 'web:&prod:!web3'")
    .option('--json', 'as JSON')
    .action(act(lazily(async () => (await import('../hosts/run-hosts.ts')).runHosts)));
  describe(hosts, {
    group: 'Plans:',
    summary: 'list the hosts of an inventory',
    about: `Lists the hosts that --hosts of \`up\`, \`start\`, \`diff\`, \`drift\` and \`doctor\` would choose: their addresses, groups and values, and what the inventory has that Chandler does not use. Needs no server.

An inventory is YAML in the format of docs/hosts.md, or one of Ansible: INI, YAML, or the JSON that a script prints. An executable file that begins with #! or is a binary is a command: it is run with --list. Problems are listed one a line, as FILE:LINE: MESSAGE.`,
    examples: {
      'chandler hosts hosts.yaml': 'All hosts.',
      "chandler hosts inventory.ini --limit 'web:!web3'": 'Some hosts of an Ansible inventory.',
      'ansible-inventory -i site --list | chandler hosts - --json':
        'Any inventory that Ansible can read, as JSON.',
    },
    exits: {
      provisioned: 'the hosts are listed',
      usage: 'the inventory has problems, or no host matches',
    },
    seeAlso: ['up', 'diff', 'drift', 'doctor'],
  });
}
