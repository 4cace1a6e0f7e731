import { ChandlerError } from '../domain/run/failure.ts';
import { sh, type Command } from '../shell/index.ts';
import type { ExecOptions, Executor } from './executor.ts';
import { makeToken, SAY } from './frames.ts';
import { explainSilence } from './explain-silence.ts';

const CAPTURE = `${SAY} say begin; "$@"; say "code=$?"`;

/**
 * Runs a command that is not Chandler's. Returns its output without that of the login. @throws ChandlerError login-interferes,
 * connection-lost
 */
export async function capture(
  executor: Executor,
  command: Command,
  options: ExecOptions,
): Promise<{ code: number; stdout: string; stderr: string }> {
  const token = makeToken();
  const outcome = await executor.exec(sh('sh', '-c', CAPTURE, token, ...command.words), options);
  if (outcome.kind === 'lost') throw new ChandlerError('connection-lost', outcome.reason);
  const { stdout, stderr } = outcome;
  const frames = `chandler:${token}:5:begin:${token}\n([^]*)chandler:${token}:\\d+:code=(\\d+):${token}`;
  const [, captured = '', code] = new RegExp(frames).exec(stdout) ?? [];
  if (code !== undefined) return { code: Number(code), stdout: captured, stderr };
  if (outcome.kind === 'exited') {
    const interference = await explainSilence(executor, '', `exit ${outcome.code}`, outcome);
    if (interference) throw interference;
  }
  const how = outcome.kind === 'exited' ? `exit ${outcome.code}` : outcome.signal;
  throw new ChandlerError('connection-lost', `the host ended the command with ${how}`);
}
