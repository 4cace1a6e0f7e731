import { access, constants } from 'node:fs/promises';
import { ask, type Env } from './ask-program.ts';

export type Check =
  | { readonly ok: true; readonly version: string }
  | { readonly ok: false; readonly reason: string };

const ANSWER_MS = 10_000;
/** The first version with `--sqlite-pragma`, user metadata and updates. */
const OLDEST = { major: 1, minor: 3 };

export async function checkCli(path: string, env: Env, signal?: AbortSignal): Promise<Check> {
  const answer = await ask(path, ['--version'], { env, timeoutMs: ANSWER_MS, signal });
  if (!answer.ok) return { ok: false, reason: `--version does not answer: ${answer.reason}` };
  return checkCliVersion(answer.stdout);
}

/** `stdout` is that of `temporal --version`: `temporal version 1.9.1 (Server 1.32.0, UI 2.54.1)`. */
export function checkCliVersion(stdout: string): Check {
  const [, version, major, minor] = /^temporal version ((\d+)\.(\d+)\.\d+\S*)/.exec(stdout) ?? [];
  const answer = JSON.stringify(stdout.slice(0, 60).trim());
  if (version === undefined) return { ok: false, reason: `not the Temporal CLI: it answers ${answer}` };
  const isOld =
    Number(major) < OLDEST.major || (Number(major) === OLDEST.major && Number(minor) < OLDEST.minor);
  if (isOld) return { ok: false, reason: `version ${version} is older than ${OLDEST.major}.${OLDEST.minor}` };
  return { ok: true, version };
}

export function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}
