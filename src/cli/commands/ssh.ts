import type { Command } from 'commander';
import type { Target } from '../../domain/schema.ts';
import { render, sh } from '../../shell/index.ts';
import type { RemoteWork } from '../../ssh/client-command.ts';
import type { ChandlerClient } from '../../client.ts';
import type { CliContext } from '../context.ts';
import { withClient, type EngineOptions } from '../engine.ts';
import { askLaunches, locateHost } from '../run-host.ts';
import { printSsh, runSsh } from '../ssh-client.ts';
import { type Act, withEngineOptions } from './act.ts';

interface SshOptions extends EngineOptions {
  readonly tty?: boolean;
  readonly print?: boolean;
}

export function addSsh(program: Command, act: Act): void {
  withEngineOptions(program.command('ssh'))
    .description("open a shell on a run's host, or run a command there, with the target's own SSH settings")
    .argument('<id>')
    .argument(
      '[command...]',
      'after --: what to run instead of a shell; joined by spaces and read by a shell there',
    )
    .option('-t, --tty', 'give the command a terminal')
    .option('--print', 'print the ssh command, and do nothing')
    .addHelpText('after', HELP)
    .action(
      act((context, id: string, words: string[], options: SshOptions) =>
        withClient(options, context, (client) => openShell(context, client, id, words, options)),
      ),
    );
}

const HELP = `
Reaches the host as a worker does: user, port, jump host, identity, host key and \`become\` are the plan's. Keys are
looked up here, in CHANDLER_IDENTITIES and CHANDLER_KNOWN_HOSTS; ~/.ssh/config is not read, the agent is used.

Exit code: 0 after a shell, however it ended; after a COMMAND that of the command; 1 if ssh could not connect.

Examples:
  chandler ssh provision:web1:22
  chandler ssh provision:web1:22 -- 'df -h / && free -m'
  chandler ssh provision:web1:22 -t -- htop
  chandler ssh provision:web1:22 --print`;

async function openShell(
  context: CliContext,
  client: ChandlerClient,
  id: string,
  words: readonly string[],
  options: SshOptions,
): Promise<number> {
  const { host } = await askLaunches(client, id);
  const target = await locateHost(context, host);
  const isShell = words.length === 0;
  const tty = options.tty ?? (isShell && (context.hasTerminal || (options.print ?? false)));
  const work = shellWork(host.target, words, tty);
  if (options.print) return printSsh(context, target, work);
  const code = await runSsh(context, target, work);
  // A shell exits with what its last command did, which is no news to whoever typed it.
  return isShell ? 0 : code;
}

/** A login shell, or a command for one: root's, if the target says so. */
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
