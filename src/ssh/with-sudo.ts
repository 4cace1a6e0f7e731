import { definedOnly } from '../domain/defined-only.ts';
import { ChandlerError } from '../domain/run/failure.ts';
import { sh, type Command } from '../shell/index.ts';
import type { Executor } from './executor.ts';
import { makeToken } from './frames.ts';
import { explainSilence } from './explain-silence.ts';
import { firstAndLast } from './describe-printed.ts';

/** If sudo refuses, this mark is missing. The text of a refusal depends on sudo's version, policy and language. */
const PROLOGUE = 'printf "chandler:%s:sudo\\n" "$0" >&2; exec "$@"';

/** Advice for refusals in English; for others the advice of the code applies. */
const ADVICE: readonly (readonly [RegExp, string])[] = [
  [/must have a tty/, 'Add `Defaults:USER !requiretty` to sudoers: Chandler runs sudo without a terminal.'],
  [
    /password is required|terminal is required|no tty present/,
    'Let the login user use sudo without a password: `USER ALL=(ALL) NOPASSWD: ALL` in sudoers.',
  ],
  [
    /not in the sudoers file|may not run sudo|not allowed to (?:execute|run)/,
    'Allow the login user every command as root: `USER ALL=(ALL) NOPASSWD: ALL` in sudoers.',
  ],
  [
    /sudo: (?:\/bin\/)?sh: command not found/,
    'Add /usr/bin and /bin to `Defaults secure_path` in sudoers: sudo finds no sh on it.',
  ],
  [
    /no new privileges|effective uid is not 0|must be owned by uid 0|setuid/,
    'sudo cannot become root in this environment (no_new_privs, a nosuid file system, or the mode of the program): log in as root without target.become.',
  ],
  [
    /(?:not found|No such file|Unknown command)/,
    'Install sudo on the host, or log in as root without target.become.',
  ],
];

/**
 * Runs every command as root through `sudo` without a password. Raw words, such as redirections, apply to sudo itself.
 *
 * @throws ChandlerError from `exec`, before anything has run: become-failed (sudo refuses), login-interferes (sudo is not run)
 */
export function withSudo(executor: Executor): Executor {
  return {
    get patience() {
      return executor.patience;
    },
    get answerPatience() {
      return executor.answerPatience;
    },
    async exec(command, options) {
      const token = makeToken();
      const mark = `chandler:${token}:sudo\n`;
      const line = sh('sudo', '-n', '-H', '--', 'sh', '-c', PROLOGUE, token, ...command.words);
      const outcome = await executor.exec(line, options);
      if (outcome.kind === 'lost') return outcome;
      const letIn = outcome.stderr.includes(mark);
      const stderr = outcome.stderr.replace(mark, '');
      if (letIn && outcome.kind === 'exited' && outcome.code === 126 && startsShell(command)) {
        const advice = 'Remove `Defaults noexec` and the tag NOEXEC for the login user from sudoers.';
        const message = `sudo lets no command start other commands: ${firstAndLast(stderr)}`;
        throw new ChandlerError('become-failed', message, { facts: { advice } });
      }
      if (letIn || outcome.kind === 'signalled' || outcome.code === 0) return { ...outcome, stderr };
      const interference = await explainSilence(executor, '', `exit ${outcome.code}`, outcome);
      if (interference) throw interference;
      const advice = ADVICE.find(([pattern]) => pattern.test(stderr))?.[1];
      const message = `no root through sudo: ${firstAndLast(stderr) || `exit ${outcome.code}`}`;
      throw new ChandlerError('become-failed', message, { facts: definedOnly({ advice }) });
    },
  };
}

/** Whether a command only starts a shell. If even that fails, sudo is the cause. */
function startsShell({ words: [program] }: Command): boolean {
  return program === 'sh' || program === '/bin/sh';
}
