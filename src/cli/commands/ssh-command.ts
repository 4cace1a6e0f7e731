import type { Command } from 'commander';
import type { Target } from '../../domain/plan/schema.ts';
import { render, sh } from '../../shell/index.ts';
import type { RemoteWork } from '../../ssh/client-command.ts';
import type { ChandlerClient } from '../../client.ts';
import type { CliContext } from '../context.ts';
import type { ServerOptions } from '../server/server-options.ts';
import { hostOfRun, locateHost } from '../local/locate-host.ts';
import { withRun, withRunIdOption } from '../server/with-run.ts';
import { printSsh, runSsh } from '../local/run-ssh.ts';
import { type Act, describeServerCommand } from './act.ts';

interface SshOptions extends ServerOptions {
  readonly tty?: boolean;
  readonly print?: boolean;
}

export const SSH_ABOUT =
  "The host is reached as a worker does: user, port, jump host, identity, host key and `become` are the plan's. Keys are looked up here, in CHANDLER_IDENTITIES and CHANDLER_KNOWN_HOSTS; ~/.ssh/config is not read, the agent is used.";

export const SSH_ENVIRONMENT = [
  'CHANDLER_IDENTITIES, CHANDLER_KNOWN_HOSTS, CHANDLER_SECRETS_…, CHANDLER_ZMX_…',
] as const;

export function addSsh(program: Command, act: Act): void {
  const ssh = program
    .command('ssh')
    .argument('<id>', 'of the run')
    .argument(
      '[command...]',
      'after --: what to run instead of a shell; joined by spaces and read by a shell there',
    )
    .option('-t, --tty', 'give the command a terminal')
    .option('--print', 'only print the ssh command')
    .action(
      act((context, id: string, words: string[], options: SshOptions) =>
        withRun(options, context, id, (client) => openShell(context, client, id, words, options)),
      ),
    );
  describeServerCommand(withRunIdOption(ssh), {
    group: 'Watch and inspect:',
    summary: "open a shell on a run's host, or run a command",
    about: `Opens a shell on the host of a run, or runs a command there, over the ssh of this machine.

${SSH_ABOUT}`,
    examples: {
      'chandler ssh provision:web1:22': 'A shell.',
      "chandler ssh provision:web1:22 -- 'df -h / && free -m'": 'A command.',
      'chandler ssh provision:web1:22 -t -- htop': 'A command that needs a terminal.',
      'chandler ssh provision:web1:22 --print': 'The ssh command, to run elsewhere.',
    },
    exits: {
      provisioned: 'after a shell, however it ended; after a command, its own code',
      failed: 'ssh could not connect',
    },
    environment: SSH_ENVIRONMENT,
    seeAlso: ['attach', 'logs'],
  });
}

async function openShell(
  context: CliContext,
  client: ChandlerClient,
  id: string,
  words: readonly string[],
  options: SshOptions,
): Promise<number> {
  const host = await hostOfRun(client, id);
  const target = await locateHost(context, host);
  const isShell = words.length === 0;
  const tty = options.tty ?? (isShell && (context.hasTerminal || (options.print ?? false)));
  const work = shellWork(host.target, words, tty);
  if (options.print) return printSsh(context, target, work);
  const code = await runSsh(context, target, work);
  // A shell exits with its last command's code, which the user has already seen.
  return isShell ? 0 : code;
}

/** The remote command: a login shell, or a command for one; as root if the target uses `become`. */
export function shellWork(
  { become }: Pick<Target, 'become'>,
  words: readonly string[],
  tty: boolean,
): RemoteWork {
  const line = words.length === 0 ? undefined : words.join(' ');
  if (become === undefined) return { tty, ...(line !== undefined && { command: line }) };
  const command =
    line === undefined ? sh(become, '-n', '-i') : sh(become, '-n', '-H', '--', 'sh', '-c', line);
  return { tty, command: render(command) };
}
