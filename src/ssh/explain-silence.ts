import { ChandlerError } from '../domain/run/failure.ts';
import { sh } from '../shell/index.ts';
import type { Executor } from './executor.ts';
import { FrameReader, makeToken, SAY } from './frames.ts';
import { describePrinted, type Printed } from './describe-printed.ts';

/** Prints a frame on both streams, and the length of the line that it reads from standard input. */
const DIAGNOSIS =
  `LC_ALL=C; ${SAY} ` +
  'IFS= read -r line; say "line=${#line}"; say err >&2; ' +
  'command -v sh >/dev/null || say "path=$PATH"';
const DIAGNOSIS_MS = 30_000;

const FILES =
  'bash reads ~/.bashrc for ssh commands, zsh ~/.zshenv, fish ~/.config/fish/config.fish, tcsh ~/.tcshrc or ~/.cshrc';
const FORCED = 'ForceCommand in sshd_config, command= in authorized_keys';

export const SLOW_LOGIN_ADVICE = `Find what takes long, waits or never ends in the login: a startup file of its shell (${FILES}) or a forced command (${FORCED}). Chandler retries with more time.`;

/**
 * Runs a second exec to find out whether the login prevented a program from printing a frame. @throws ChandlerError
 * connection-lost
 */
export async function explainSilence(
  executor: Executor,
  prefix: string,
  how: string,
  printed: Printed,
): Promise<ChandlerError | undefined> {
  const found = await findInterference(executor, prefix, printed);
  if (!found) return undefined;
  const { cause, advice } = found;
  const message = `${prefix}${cause} (${how}); ${describePrinted(printed)}`;
  return new ChandlerError('login-interferes', message, { facts: { advice } });
}

async function findInterference(
  executor: Executor,
  prefix: string,
  printed: Printed,
): Promise<{ cause: string; advice: string } | undefined> {
  const token = makeToken();
  // A shell in place of the command runs this line and prints a frame. A program that only copies its input does not.
  const line = `printf "chandler:%s:8:replaced:%s\\n" ${token} ${token}`;
  const diagnose = async (shell: string) => {
    const outcome = await executor.exec(sh(shell, '-c', DIAGNOSIS, token), {
      stdin: `${line}\n`,
      timeoutMs: DIAGNOSIS_MS,
    });
    if (outcome.kind === 'lost') throw new ChandlerError('connection-lost', `${prefix}${outcome.reason}`);
    return { ...outcome, frames: new FrameReader(token).push(Buffer.from(outcome.stdout)) };
  };
  const { frames: stdout, stderr } = await diagnose('/bin/sh');
  if (stdout.includes(`line=${line.length}`)) {
    const path = stdout.find((body) => body.startsWith('path='))?.slice('path='.length);
    if (path === undefined && (await diagnose('sh')).frames.length > 0) return undefined;
    return {
      cause: `the login has no sh ${path === undefined ? 'because of its PATH, an alias or a function' : `on its PATH (${path})`}`,
      advice: `Keep /usr/bin and /bin on the PATH that the startup file of the login shell sets, and let it define no alias or function named sh (${FILES}).`,
    };
  }
  if (stdout.some((body) => body.startsWith('line='))) {
    return {
      cause: 'a startup file of the login shell reads the standard input of the command',
      advice: `Let the startup file read standard input only if the shell is interactive (${FILES}).`,
    };
  }
  if (stdout.includes('replaced')) {
    return {
      cause: "a startup file of the login shell replaces the shell, so that Chandler's command is not run",
      advice: `Remove the exec of another shell from the startup file, or do it for interactive shells only (${FILES}).`,
    };
  }
  if (new FrameReader(token).push(Buffer.from(stderr)).length > 0) {
    return {
      cause: 'a startup file of the login shell redirects the standard output of the command',
      advice: `Remove the redirection (exec >…) from the startup file (${FILES}).`,
    };
  }
  if (/account is (?:currently )?not available|nologin/i.test(printed.stdout + printed.stderr)) {
    return {
      cause: 'the login shell of the user, or a forced command of sshd, refuses every login',
      advice: `Give the user a shell (usermod -s /bin/sh USER) if it has none, remove the forced command (${FORCED}), or log in as another user.`,
    };
  }
  return {
    cause:
      "the host ran something other than Chandler's command: a forced command of sshd, or a startup file that ends or replaces the shell",
    advice: `Look for exit or exec in the startup file of the login shell (${FILES}), and for a forced command (${FORCED}); check that the user has a login shell (getent passwd USER); or log in as another user.`,
  };
}
