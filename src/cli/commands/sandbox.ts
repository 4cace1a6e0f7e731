import type { Command } from 'commander';
import {
  sandboxDown,
  sandboxList,
  sandboxUp,
  type ListedHost,
  type SandboxHost,
} from '../../dev/sandbox/index.ts';
import { quote } from '../../shell/index.ts';
import { announceOn, print, type CliContext } from '../context.ts';
import { renderColumns } from '../render/columns.ts';
import { sandboxDir } from '../state-dirs.ts';
import { type Act, wholeNumber } from './act.ts';

interface UpOptions {
  readonly count: number;
  readonly json?: boolean;
}

export function addSandbox(program: Command, act: Act): void {
  const sandbox = program
    .command('sandbox')
    .description('throw-away hosts on this machine, to try things on');
  sandbox
    .command('up')
    .description('make hosts, each with an SSH server, a host key and a client key of its own')
    .option('-n, --count <n>', 'how many', wholeNumber(1), 1)
    .option('--json', 'tell of them as JSON, as `list` does')
    // Interrupted half-way a host would stay: it is finished, and `down` ends it.
    .action(act.untilStopped((context, options: UpOptions) => up(context, options)));
  sandbox
    .command('list')
    .description('show the hosts')
    .option('--json', 'as JSON: name, host, port, user, identity, knownHosts, …')
    .action(act((context, { json = false }: { json?: boolean }) => list(context, json)));
  sandbox
    .command('down')
    .description('end hosts (all, if none is named) with everything that runs on them')
    .argument('[name...]')
    .action(act.untilStopped((context, names: string[]) => down(context, names)));
}

async function up(context: CliContext, { count, json = false }: UpOptions): Promise<number> {
  const hosts = await sandboxUp({ dir: sandboxDir(context), count, announce: announceOn(context) });
  if (json) print(context, JSON.stringify(hosts, undefined, 2));
  else print(context, ...hosts.flatMap((host) => renderHost(context, host)));
  return 0;
}

async function list(context: CliContext, json: boolean): Promise<number> {
  const hosts = await sandboxList({ dir: sandboxDir(context) });
  if (json) print(context, JSON.stringify(hosts, undefined, 2));
  else if (hosts.length > 0) print(context, ...renderHosts(hosts));
  else context.stderr.write(`No hosts. Make one with: ${context.program} sandbox up\n`);
  return 0;
}

async function down(context: CliContext, names: readonly string[]): Promise<number> {
  const dir = sandboxDir(context);
  const before = await sandboxList({ dir });
  await sandboxDown({ dir, ...(names.length > 0 && { names }) });
  const left = new Set((await sandboxList({ dir })).map(({ name }) => name));
  const gone = before.filter(({ name }) => !left.has(name)).map(({ name }) => name);
  print(context, gone.length === 0 ? 'No such host: nothing to do' : `Ended ${gone.join(', ')}`);
  return 0;
}

/** A host, and what to type to use it. */
export function renderHost({ program }: Pick<CliContext, 'program'>, host: SandboxHost): string[] {
  return [
    `${host.name}  ${host.user}@${host.host}:${host.port} (${host.engine})`,
    `  log in     ${sshCommand(host)}`,
    `  provision  ${program} up PLAN ${targetOptions(host).map(quote).join(' ')}`,
  ];
}

/** The options that make a plan go to a host of the sandbox. */
export function targetOptions({ user, host, port, identity }: SandboxHost): string[] {
  return ['--target', `${user}@${host}:${port}`, '--target', `identity=${identity}`];
}

function renderHosts(hosts: readonly ListedHost[]): string[] {
  return renderColumns(
    ['NAME', 'ADDRESS', 'STATE', 'ENGINE', 'IDENTITY'],
    hosts.map(({ name, user, host, port, running, engine, identity }) => [
      name,
      `${user}@${host}:${port}`,
      running ? 'running' : 'stopped',
      engine,
      identity,
    ]),
  );
}

function sshCommand({ user, host, port, identity, knownHosts }: SandboxHost): string {
  const options = ['-i', identity, '-o', `UserKnownHostsFile=${knownHosts}`, '-p', String(port)];
  return ['ssh', ...options, `${user}@${host}`].map(quote).join(' ');
}
