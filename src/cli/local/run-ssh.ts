import { spawn } from 'node:child_process';
import { quote } from '../../shell/index.ts';
import { sshArguments, type ClientTarget, type RemoteWork } from '../../ssh/client-command.ts';
import { print, type CliContext } from '../context.ts';
import { CliError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';

/** The exit code of ssh for its own errors (ssh(1)). */
const SSH_FAILED = 255;

/** The command line for a person to copy, for any POSIX shell. */
export function renderSsh(target: ClientTarget, work: RemoteWork): string {
  // ssh runs the proxy command for a jump host with $SHELL, which may not be a POSIX shell.
  const shell = target.jump ? ['env', 'SHELL=/bin/sh'] : [];
  return [...shell, ...sshArguments(target, work)].map((word) => quote(word)).join(' ');
}

export function printSsh(context: CliContext, target: ClientTarget, work: RemoteWork): number {
  print(context, renderSsh(target, work));
  return exitCodes.provisioned;
}

/**
 * Runs ssh in the terminal and returns the exit code of the remote command.
 *
 * @throws CliError failed if ssh is not installed, could not connect, or lost the connection
 */
export async function runSsh(context: CliContext, target: ClientTarget, work: RemoteWork): Promise<number> {
  const [program = '', ...args] = sshArguments(target, work);
  const child = spawn(program, args, { stdio: 'inherit', env: { ...context.env, SHELL: '/bin/sh' } });
  // Ctrl-C in a terminal reaches ssh directly; when this program ends otherwise, it must end ssh.
  const end = () => void child.kill('SIGTERM');
  context.signal.addEventListener('abort', end, { once: true });
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', resolve);
    });
    if (code !== null && code !== SSH_FAILED) return code;
    throw new CliError(
      exitCodes.failed,
      `ssh could not connect to ${target.host}, or lost the connection; what runs there continues.\n` +
        'To see why, run the command of --print with -v after `ssh`.',
    );
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new CliError(exitCodes.failed, 'there is no ssh here: install the client of OpenSSH', {
      cause: error,
    });
  } finally {
    context.signal.removeEventListener('abort', end);
  }
}
