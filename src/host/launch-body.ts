import { maskingSedProgram } from '../domain/redact.ts';
import type { Launch } from '../domain/ids.ts';
import { quote } from '../shell/index.ts';
import type { LaunchBody } from './launch.ts';

/** What the supervisor reads. `lingerS`: seconds that zmx needs to see an end (see zmxDifferences). */
export function renderLaunchBody(
  launch: Launch,
  work: { script: string; env: Readonly<Record<string, string>> },
  lingerS: number,
): LaunchBody {
  return {
    settings: assignments({
      step: launch.step,
      generation: String(launch.generation),
      linger: String(lingerS),
    }),
    env: assignments(work.env),
    script: work.script,
  };
}

/** What the supervisor evaluates once and forgets: the secrets, and how to mask them in the log. Empty without any. */
export function renderSecrets(secrets: Readonly<Record<string, string>>): string {
  if (Object.keys(secrets).length === 0) return '';
  return assignments({
    secret_env: assignments(secrets),
    secret_sed: maskingSedProgram(Object.values(secrets)),
  });
}

/** A script with its environment in front, for `check`. */
export function renderCheck(script: string, env: Readonly<Record<string, string>>): string {
  return `${exports(env)}${script}`;
}

/** `export NAME='value'`, a line each. */
export function exports(values: Readonly<Record<string, string>>): string {
  return Object.entries(values)
    .map(([name, value]) => `export ${name}=${quote(value)}\n`)
    .join('');
}

/** `NAME='value'`, a line each. */
export function assignments(values: Readonly<Record<string, string>>): string {
  return Object.entries(values)
    .map(([name, value]) => `${name}=${quote(value)}\n`)
    .join('');
}
