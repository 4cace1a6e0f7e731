import type { Command } from 'commander';
import type { ListedHost, SandboxHost } from '../../dev/sandbox/index.ts';
import { addressOf } from '../../domain/run/ids.ts';
import { quote } from '../../shell/index.ts';
import { announceOn, print, type CliContext } from '../context.ts';
import { CliError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import { describe, type Manual } from '../manual.ts';
import { printJson } from '../output/print-json.ts';
import { renderColumns } from '../output/render-columns.ts';
import { sandboxDir } from '../local/state-dirs.ts';
import { type Act, wholeNumber } from './act.ts';

interface UpOptions {
  readonly count: number;
  readonly json?: boolean;
}

export function addSandbox(program: Command, act: Act): void {
  const sandbox = program.command('sandbox');
  const up = sandbox
    .command('up')
    .option('-n, --count <n>', 'how many', wholeNumber(1), 1)
    .option('--json', 'print them as JSON, as `list` does')
    // Ctrl-C does not interrupt the creation, because half a host would be left; `down` ends a complete one.
    .action(act.untilStopped(makeHosts));
  const list = sandbox
    .command('list')
    .option('--json', 'as JSON: name, host, port, user, identity, knownHosts, …')
    .action(act(listHosts));
  const down = sandbox
    .command('down')
    .argument('[name...]', 'of hosts; without any: all')
    .action(act.untilStopped(endHosts));
  describeHere(sandbox, {
    group: 'Run the parts:',
    summary: 'throw-away hosts on this machine, to try things on',
    about:
      'Hosts with a real SSH server on a port of 127.0.0.1: containers if a Docker engine runs, otherwise Linux namespaces of this machine, which need root.',
    examples: {
      'chandler sandbox up': 'Make one, and print how to use it.',
      'chandler sandbox down': 'End them all.',
    },
    seeAlso: ['dev', 'up'],
  });
  describeHere(up, {
    summary: 'make hosts',
    about:
      'Makes hosts, each with an SSH server, a host key and a client key of its own, and prints how to log in and how to provision it. Ctrl-C does not interrupt their creation; `sandbox down` ends them.',
    examples: {
      'chandler sandbox up -n 3': 'Three hosts.',
      "chandler sandbox up --json | jq -r '.[].port'": 'For a script.',
    },
    seeAlso: ['sandbox list', 'sandbox down', 'up'],
  });
  describeHere(list, {
    summary: 'show the hosts',
    about: 'Shows every host of the sandbox, how to reach it, and whether it runs.',
    examples: {
      'chandler sandbox list': 'As a table.',
      'chandler sandbox list --json': 'For a script.',
    },
    seeAlso: ['sandbox up', 'sandbox down'],
  });
  describeHere(down, {
    summary: 'end hosts with everything that runs on them',
    about: 'Ends the named hosts, or all, with everything that runs on them, and removes their files.',
    examples: {
      'chandler sandbox down': 'All of them.',
      'chandler sandbox down host1 host2': 'Two of them.',
    },
    seeAlso: ['sandbox up', 'sandbox list'],
  });
}

function describeHere(command: Command, manual: Manual): void {
  describe(command, { ...manual, environment: ['XDG_STATE_HOME'] });
}

async function makeHosts(context: CliContext, { count, json = false }: UpOptions): Promise<number> {
  const { sandboxUp } = await import('../../dev/sandbox/index.ts');
  const hosts = await sandboxUp({ dir: sandboxDir(context), count, announce: announceOn(context) });
  if (json) printJson(context.stdout, hosts);
  else print(context, ...hosts.flatMap((host) => renderHost(context, host)));
  return 0;
}

async function listHosts(context: CliContext, { json }: Pick<UpOptions, 'json'>): Promise<number> {
  const { sandboxList } = await import('../../dev/sandbox/index.ts');
  const hosts = await sandboxList({ dir: sandboxDir(context) });
  if (json) printJson(context.stdout, hosts);
  else if (hosts.length > 0) print(context, ...renderHosts(hosts));
  else announceOn(context)(`No hosts. Make one with: ${context.program} sandbox up`);
  return 0;
}

async function endHosts(context: CliContext, names: readonly string[]): Promise<number> {
  const { sandboxDown, sandboxList } = await import('../../dev/sandbox/index.ts');
  const dir = sandboxDir(context);
  const before = await sandboxList({ dir });
  const known = before.map(({ name }) => name);
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    const there = known.length === 0 ? 'there are none' : `there are ${known.join(', ')}`;
    throw new CliError(exitCodes.usage, `no host ${unknown.join(', ')}; ${there}; nothing was ended`);
  }
  await sandboxDown({ dir, ...(names.length > 0 && { names }) });
  const left = new Set((await sandboxList({ dir })).map(({ name }) => name));
  const gone = known.filter((name) => !left.has(name));
  print(context, gone.length === 0 ? 'No hosts: nothing to do' : `Ended ${gone.join(', ')}`);
  return 0;
}

export function renderHost({ program }: Pick<CliContext, 'program'>, host: SandboxHost): string[] {
  return [
    `${host.name}  ${addressOf(host)} (${host.backend})`,
    `  log in     ${sshCommand(host)}`,
    `  provision  ${program} up PLAN ${targetOptions(host).map(quote).join(' ')}`,
  ];
}

export function targetOptions(host: SandboxHost): string[] {
  return ['--target', addressOf(host), '--target', `identity=${host.identity}`];
}

function renderHosts(hosts: readonly ListedHost[]): string[] {
  return renderColumns(
    ['NAME', 'ADDRESS', 'STATE', 'BACKEND', 'IDENTITY'],
    hosts.map((host) => [
      host.name,
      addressOf(host),
      host.running ? 'running' : 'stopped',
      host.backend,
      host.identity,
    ]),
  );
}

function sshCommand({ user, host, port, identity, knownHosts }: SandboxHost): string {
  const options = ['-i', identity, '-o', `UserKnownHostsFile=${knownHosts}`, '-p', String(port)];
  return ['ssh', ...options, `${user}@${host}`].map(quote).join(' ');
}
