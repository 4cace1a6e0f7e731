import { access, constants } from 'node:fs/promises';
import { ask, type Env } from './answer.ts';

/** Whether a file is the program that is wanted. */
export type Check =
  { readonly ok: true; readonly version: string } | { readonly ok: false; readonly reason: string };

/** Of a program that can't tell it. */
export const UNKNOWN_VERSION = 'unknown';

const ANSWER_MS = 10_000;
/** The first minor version with everything that is used here (`--sqlite-pragma`, user metadata, updates). */
const OLDEST = { major: 1, minor: 3 };

/** Asks a program for its version: is it the Temporal CLI, and new enough? */
export async function checkCli(path: string, env: Env, signal?: AbortSignal): Promise<Check> {
  const answer = await ask(path, ['--version'], { env, timeoutMs: ANSWER_MS, signal });
  if (!answer.ok) return { ok: false, reason: `--version does not answer: ${answer.reason}` };
  return checkCliVersion(answer.stdout);
}

/** Decides by the answer to `temporal --version`, e.g. `temporal version 1.9.1 (Server 1.32.0, UI 2.54.1)`. */
export function checkCliVersion(stdout: string): Check {
  const [, version, major, minor] = /^temporal version ((\d+)\.(\d+)\.\d+\S*)/.exec(stdout) ?? [];
  if (version === undefined)
    return {
      ok: false,
      reason: `not the Temporal CLI: it answers ${JSON.stringify(stdout.slice(0, 60).trim())}`,
    };
  const isOld =
    Number(major) < OLDEST.major || (Number(major) === OLDEST.major && Number(minor) < OLDEST.minor);
  if (isOld) return { ok: false, reason: `version ${version} is older than ${OLDEST.major}.${OLDEST.minor}` };
  return { ok: true, version };
}

/**
 * The test server has no way to tell its version (it takes a port as its only argument and crashes on anything else):
 * that the system can run it at all must do.
 */
export async function checkTestServer(path: string, env: Env, signal?: AbortSignal): Promise<Check> {
  const isExecutable = await access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
  if (!isExecutable) return { ok: false, reason: 'not there or not executable' };
  const answer = await ask(path, ['--version'], { env, timeoutMs: ANSWER_MS, signal });
  if (answer.ok || typeof answer.code === 'number') return { ok: true, version: UNKNOWN_VERSION };
  return { ok: false, reason: answer.reason };
}
