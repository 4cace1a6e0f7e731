import type { Command } from 'commander';
import type { HostRef } from '../../activities/types.ts';
import type { ChandlerClient } from '../../client.ts';
import { makeLaunch, sessionName, type Launch } from '../../domain/ids.ts';
import type { RunStatus } from '../../domain/status.ts';
import { attachCommand, SESSION_GONE } from '../../host/attach.ts';
import type { SessionPlace } from '../../host/launch.ts';
import { render, sh } from '../../shell/index.ts';
import type { RemoteWork } from '../../ssh/client-command.ts';
import { announceOn, type CliContext } from '../context.ts';
import { copyable, withClient, type EngineOptions } from '../engine.ts';
import { CliError } from '../errors.ts';
import { exitCodes, exitTexts } from '../exit-codes.ts';
import { describe } from '../manual.ts';
import { askLaunches, locateHost } from '../run-host.ts';
import { printSsh, runSsh } from '../ssh-client.ts';
import { firstTry } from '../tries.ts';
import { inTime } from '../look.ts';
import { type Act, wholeNumber, withEngineOptions } from './act.ts';
import { SSH_ABOUT, SSH_ENVIRONMENT } from './ssh.ts';

interface AttachOptions extends EngineOptions {
  readonly generation?: number;
  readonly print?: boolean;
}

export function addAttach(program: Command, act: Act): void {
  const command = program
    .command('attach')
    .argument('<id>', 'of the run')
    .argument('<step>', 'its name')
    .option('--generation <n>', 'the try to attach to (default: the latest)', wholeNumber(1))
    .option('--print', 'print the ssh command, and do nothing')
    .action(
      act((context, id: string, step: string, options: AttachOptions) =>
        withClient(options, context, (client) => attach(context, client, id, step, options)),
      ),
    );
  describe(withEngineOptions(command), {
    group: 'Watch and look:',
    summary: 'open the terminal of a step',
    about: `Opens the session of a step on its host, over the ssh of this machine. While the step runs you see what it prints, and what you type goes to it: Ctrl-C would end it. After it has failed you are in its shell. Ctrl-\\ leaves; the session and the step stay. When the run ends, the sessions of steps that have succeeded are closed, unless the plan says \`keepSessions: all\`. A finalizer has no session: its log is what there is, and \`ssh\` to look around.

${SSH_ABOUT}`,
    examples: [
      ['chandler attach provision:web1:22 packages', 'The terminal of its latest try.'],
      ['chandler attach provision:web1:22 packages --generation 1', 'That of the first one.'],
      ['chandler attach provision:web1:22 packages --print', 'The ssh command, to be run elsewhere.'],
    ],
    exits: {
      provisioned: 'you have left, or the session has ended',
      failed: 'the session is gone, or ssh could not connect',
      unreachable: exitTexts.unreachable,
    },
    environment: SSH_ENVIRONMENT,
    seeAlso: ['ssh', 'logs', 'retry'],
  });
}

async function attach(
  context: CliContext,
  client: ChandlerClient,
  id: string,
  step: string,
  options: AttachOptions,
): Promise<number> {
  const ref = { client, id, step, finalizer: false, signal: context.signal };
  const generation = await firstTry(ref, options.generation);
  const { owner, host } = await askLaunches(client, id);
  const status = await inTime(client, () => client.status(id));
  const launch = makeLaunch(owner, step, 'step', generation);
  const place = placeOf(launch, host, status);
  const target = await locateHost(context, host);
  const work = attachWork(host, launch, place);
  if (options.print) return printSsh(context, target, work);
  if (!context.hasTerminal) {
    throw new CliError(exitCodes.usage, 'attach needs a terminal; --print prints the command for one');
  }
  const { ZMX_SESSION: outer } = context.env;
  if (outer === place.session) {
    const advice = 'If that is one on another host, unset ZMX_SESSION first.';
    throw new CliError(exitCodes.usage, `this terminal is in a session ${outer} already. ${advice}`);
  }
  const leave = outer ? `Ctrl-\\ leaves ${outer}, in which you are; end this one with ~.` : 'Ctrl-\\ leaves.';
  announceOn(context)(`Attaching to ${place.session} on ${status.host}. ${leave}`);
  const code = await runSsh(context, target, work);
  if (code === 0) return 0;
  if (code !== SESSION_GONE)
    throw new CliError(exitCodes.failed, `zmx attach ended with ${code} on ${status.host}`);
  const isLatest = options.generation === undefined;
  const logs = ['logs', id, step, ...(isLatest ? [] : ['--generation', String(generation)])];
  throw new CliError(
    exitCodes.failed,
    [
      ...sessionGone(status, step),
      `  Its log       ${copyable(context, options, ...logs)}`,
      `  A shell there ${copyable(context, options, 'ssh', id)}`,
    ].join('\n'),
  );
}

/** Where a launch's terminal is. A run that only watches its host knows that from what it tells people. */
function placeOf(launch: Launch, host: HostRef, { attach = '' }: RunStatus): SessionPlace {
  const session = sessionName(launch);
  const zmxPath = host.zmx?.path ?? / (\/\S*) attach NAME$/.exec(attach)?.[1];
  if (session === undefined || zmxPath === undefined)
    throw new CliError(exitCodes.failed, 'there is no zmx on the host yet');
  return { session, zmxPath, zmxDir: host.facts.zmxDir };
}

/** What opens the terminal of a launch on its host. */
export function attachWork({ target, facts }: HostRef, launch: Launch, place: SessionPlace): RemoteWork {
  const opened = attachCommand(place, { stateDir: facts.stateDir, launchId: launch.id });
  const become = target.become === undefined ? [] : [target.become, '-n', '-H', '--'];
  return { tty: true, command: render(sh(...become, ...opened.words)) };
}

/** Why there may be nothing to attach to. */
export function sessionGone(status: Pick<RunStatus, 'steps'>, step: string): string[] {
  const known = status.steps.find(({ name }) => name === step);
  const finalizer = known?.finalizer;
  return [
    `There is no session of ${step} to attach to.`,
    ...(known?.state === 'succeeded'
      ? [
          'Those of steps that have succeeded are closed when the run ends, unless the plan says `keepSessions: all`.',
        ]
      : []),
    ...(finalizer && finalizer.generation > 0
      ? [`Its finalizer has none; the log of that comes with --finalizer.`]
      : []),
  ];
}
