import type { Command } from 'commander';
import type { ChandlerClient, RunHost } from '../../client.ts';
import { makeLaunch, sessionName, type Launch } from '../../domain/run/ids.ts';
import type { RunStatus } from '../../domain/run/status.ts';
import { attachCommand, SESSION_GONE } from '../../host/attach.ts';
import type { SessionPlace } from '../../host/launch.ts';
import { render, sh } from '../../shell/index.ts';
import type { RemoteWork } from '../../ssh/client-command.ts';
import { announceOn, type CliContext } from '../context.ts';
import { copyable, type ServerOptions } from '../server/server-options.ts';
import { CliError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import { hostOfRun, locateHost } from '../local/locate-host.ts';
import { withRun, withRunIdOption } from '../server/with-run.ts';
import { printSsh, runSsh } from '../local/run-ssh.ts';
import { chooseAttempt } from '../live/part-attempts.ts';
import { inTime } from '../server/observe-run.ts';
import { type Act, describeServerCommand, wholeNumber } from './act.ts';
import { SSH_ABOUT, SSH_ENVIRONMENT } from './ssh-command.ts';

interface AttachOptions extends ServerOptions {
  readonly attempt?: number;
  readonly print?: boolean;
}

export function addAttach(program: Command, act: Act): void {
  const command = program
    .command('attach')
    .argument('<id>', 'of the run')
    .argument('<step>', 'its name')
    .option('--attempt <n>', 'the attempt to attach to (default: the latest)', wholeNumber(1))
    .option('--print', 'only print the ssh command')
    .action(
      act((context, id: string, step: string, options: AttachOptions) =>
        withRun(options, context, id, (client) => attach(context, client, id, step, options)),
      ),
    );
  describeServerCommand(withRunIdOption(command), {
    group: 'Watch and inspect:',
    summary: 'open the terminal of a step',
    about: `Opens the session of a step on its host, over the ssh of this machine. While the step runs you see what it prints, and it gets what you type: Ctrl-C would end it. After it has failed you are in its shell. Ctrl-\\ leaves; the session and the step stay. When the run ends, the sessions of steps that have succeeded are closed, unless the plan has \`keepSessions: all\`. A finalizer has no session: read its log, or use \`ssh\` to inspect the host.

${SSH_ABOUT}`,
    examples: {
      'chandler attach provision:web1:22 packages': 'The terminal of its latest attempt.',
      'chandler attach provision:web1:22 packages --attempt 1': 'The terminal of the first attempt.',
      'chandler attach provision:web1:22 packages --print': 'The ssh command, to run elsewhere.',
    },
    exits: {
      provisioned: 'you have left, or the session has ended',
      failed: 'the session is gone, or ssh could not connect',
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
  const status = await inTime(client, () => client.status(id));
  const attempt = chooseAttempt(status, { step, finalizer: false }, options.attempt);
  if (attempt === undefined) throw new CliError(exitCodes.failed, `${step} has not started yet`);
  const host = await hostOfRun(client, id);
  const launch = makeLaunch(host.owner, step, 'step', attempt);
  const place = placeOf(launch, host);
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
  const leave = outer
    ? `Ctrl-\\ leaves the outer session ${outer}; type ~. to leave this one.`
    : 'Ctrl-\\ leaves.';
  announceOn(context)(`Attaching to ${place.session} on ${status.host}. ${leave}`);
  const code = await runSsh(context, target, work);
  if (code === 0) return 0;
  if (code !== SESSION_GONE)
    throw new CliError(exitCodes.failed, `zmx attach ended with ${code} on ${status.host}`);
  const isLatest = options.attempt === undefined;
  const logs = ['logs', id, step, ...(isLatest ? [] : ['--attempt', String(attempt)])];
  throw new CliError(
    exitCodes.failed,
    [
      ...sessionGone(status, step),
      `  Its log       ${copyable(context, options, ...logs)}`,
      `  A shell there ${copyable(context, options, 'ssh', id)}`,
    ].join('\n'),
  );
}

function placeOf(launch: Launch, { zmxPath, zmxDir }: RunHost): SessionPlace {
  const session = sessionName(launch);
  if (session === undefined || zmxPath === undefined)
    throw new CliError(exitCodes.failed, 'there is no zmx on the host yet; try again later');
  return { session, zmxPath, zmxDir };
}

export function attachWork(
  { target, stateDir }: Pick<RunHost, 'target' | 'stateDir'>,
  launch: Launch,
  place: SessionPlace,
): RemoteWork {
  const opened = attachCommand(place, { stateDir, launchId: launch.id });
  const become = target.become === undefined ? [] : [target.become, '-n', '-H', '--'];
  return { tty: true, command: render(sh(...become, ...opened.words)) };
}

export function sessionGone(status: Pick<RunStatus, 'steps'>, step: string): string[] {
  const known = status.steps.find(({ name }) => name === step);
  const finalizer = known?.finalizer;
  return [
    `There is no session of ${step} to attach to.`,
    ...(known?.state === 'succeeded'
      ? [
          'Those of steps that have succeeded are closed when the run ends, unless the plan has `keepSessions: all`.',
        ]
      : []),
    ...(finalizer && finalizer.attempt > 0
      ? [`Its finalizer has none; the log of that comes with --finalizer.`]
      : []),
  ];
}
