import { boundedText } from '../domain/text/bounded-text.ts';
import { ChandlerError } from '../domain/run/failure.ts';
import type { StartWaiting } from '../domain/run/launch-state.ts';
import { oneLine } from '../domain/text/plain-text.ts';

const REASONS: Readonly<Record<StartWaiting['for'], string>> = {
  'login-shell': 'its login shell was still running',
  input: 'its login shell swallowed the command, or asks a question',
  nothing: 'the session ended first, or could not be created',
};
/** The part of the login's output that a message contains, in characters. */
const MAX_OUTPUT_LENGTH = 500;

/** The failure of a launch that did not start. @param what `the session of packages` */
export function notStarted(what: string, waiting: StartWaiting | undefined): ChandlerError {
  const reason = waiting ? REASONS[waiting.for] : 'its supervisor died first';
  const output = withoutCommand(waiting?.output ?? '');
  const printed = output === '' ? '' : `; it printed: ${output}`;
  return new ChandlerError('launch-not-started', `${what} did not start the launch: ${reason}${printed}`, {
    facts: {
      advice:
        'Check the startup files of the login user (~/.bash_profile, ~/.bash_login, ~/.profile, ~/.bashrc, /etc/profile, /etc/profile.d): they must not exit, read the terminal or start another shell.',
    },
  });
}

/** The output of a login on one line, without the lines that zmx prints for every session. */
export function withoutCommand(output: string): string {
  const text = oneLine(output.replaceAll(/^(session ".*" created|command sent!)$/gm, ''));
  const command = /\S* (?:-p )?\S*\/bin\/supervise-\S+ .*?; ?echo ZMX_TASK_COMPLETED:\$\?/g;
  return boundedText(text.replaceAll(command, '').replaceAll(/\s+/g, ' ').trim(), MAX_OUTPUT_LENGTH);
}
