import { ChandlerError } from '../domain/failure.ts';
import { sh } from '../shell/index.ts';
import type { Executor } from './executor.ts';

/**
 * Said first of all by what sudo has let in. How sudo refuses is up to its version, its policy and the language of the
 * login, so it is known by this not being said.
 */
const LET_IN = 'chandler: sudo let it in\n';
const PROLOGUE = `printf '${LET_IN.trimEnd()}\\n' >&2; exec "$@"`;

/**
 * Runs every command as root through `sudo`, which must not ask for a password. A raw word belongs to the command that
 * calls sudo: what it redirects to or starts is the login user's.
 *
 * @throws ChandlerError become-failed from `exec`, when sudo refuses: nothing has run then
 */
export function withSudo(executor: Executor): Executor {
  return {
    async exec(command, options) {
      const line = sh('sudo', '-n', '-H', '--', 'sh', '-c', PROLOGUE, 'sh', ...command.words);
      const outcome = await executor.exec(line, options);
      if (outcome.kind === 'lost') return outcome;
      if (outcome.stderr.includes(LET_IN)) return { ...outcome, stderr: outcome.stderr.replace(LET_IN, '') };
      if (outcome.kind === 'signalled' || outcome.code === 0) return outcome;
      const said = outcome.stderr.trim().split('\n').at(-1)?.trim() || `exit ${outcome.code}`;
      throw new ChandlerError('become-failed', `no root through sudo: ${said}`);
    },
  };
}
