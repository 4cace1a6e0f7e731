import { bytesAsJson } from '../text/bytes-as-json.ts';
import { variableNameProblem } from '../plan/variable-name.ts';
import { boundedText } from '../text/bounded-text.ts';
import { isDuration } from '../text/duration.ts';
import { didYouMean } from '../text/near-names.ts';
import { plainText } from '../text/plain-text.ts';

// Actions arrive from any client in any shape, so these checks assume nothing about types.

/**
 * Returns why the value of one key of an action's input is invalid; undefined if it is valid. `steps` are the names of the run's
 * steps.
 */
export type KeyCheck = (value: unknown, key: string, steps: readonly string[]) => string | undefined;

/** The keys that an action accepts besides `reason` and `requestId`, each with its check. */
export type KeyChecks = Readonly<Record<string, KeyCheck>>;

/** In bytes as JSON. A script must fit into one payload together with its step, whose size the plan schema limits. */
const MAX_SCRIPT_BYTES = 256 * 1024;
const MAX_ENV_BYTES = 64 * 1024;
/** In characters. */
const MAX_REQUEST_ID_LENGTH = 200;
const MAX_SHOWN_NAME_LENGTH = 100;
const MAX_SHOWN_NAMES_LENGTH = 300;

export const checkStep: KeyCheck = (name, key, steps) => {
  if (typeof name !== 'string') return `${key} must be the name of a step`;
  if (steps.includes(name)) return undefined;
  const next = steps.length === 0 ? 'the run does not know its steps yet' : suggest(name, 'steps', steps);
  return `there is no step "${shownName(name)}"; ${next}`;
};

export const checkScript: KeyCheck = (script, key) => {
  if (script === undefined) return undefined;
  if (typeof script !== 'string' || script.trim() === '' || script.includes('\0'))
    return `${key} must be text`;
  return bytesAsJson(script) > MAX_SCRIPT_BYTES
    ? `${key} is longer than ${MAX_SCRIPT_BYTES} bytes (as JSON)`
    : undefined;
};

export const checkEnv: KeyCheck = (env, key) => {
  if (env === undefined) return undefined;
  if (typeof env !== 'object' || env === null || Array.isArray(env))
    return `${key} must be an object such as {"NAME": "value"}`;
  for (const [name, value] of Object.entries(env)) {
    const problem =
      variableNameProblem(name) ??
      (typeof value === 'string' && !value.includes('\0') ? undefined : 'must be text without a NUL byte');
    if (problem !== undefined) return `${key}.${shownName(name)}: ${problem}`;
  }
  return isEnvTooLong(env) ? `${key} is longer than ${MAX_ENV_BYTES} bytes (as JSON)` : undefined;
};

export const checkFlag: KeyCheck = (value, key) =>
  value === undefined || typeof value === 'boolean' ? undefined : `${key} must be true or false`;

export const checkDuration: KeyCheck = (value, key) =>
  (typeof value === 'string' || typeof value === 'number') && isDuration(value)
    ? undefined
    : `${key} must be a duration such as 10m, or milliseconds; at most 365d`;

/** Returns why an input is invalid whatever the state of the run; undefined if it is valid. */
export function invalidInputReason(
  checks: KeyChecks,
  input: unknown,
  steps: readonly string[],
): string | undefined {
  const isMissing = input === undefined || input === null;
  if (isMissing && !('step' in checks)) return undefined;
  if (isMissing || typeof input !== 'object' || Array.isArray(input))
    return `the input must be an object such as ${'step' in checks ? '{"step": "NAME"}' : '{"reason": "…"}'}`;
  const keys = [...Object.keys(checks), 'reason', 'requestId'];
  const unknown = Object.keys(input).find((key) => !keys.includes(key));
  if (unknown !== undefined) return `unknown key "${shownName(unknown)}"; ${suggest(unknown, 'keys', keys)}`;
  const values = input as Readonly<Record<string, unknown>>;
  const { reason } = values;
  if (reason !== undefined && typeof reason !== 'string') return 'reason must be text';
  for (const [key, check] of Object.entries(checks)) {
    const problem = check(values[key], key, steps);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

export function invalidRequestIdReason(id: unknown): string | undefined {
  if (id === undefined || (typeof id === 'string' && id !== '' && id.length <= MAX_REQUEST_ID_LENGTH))
    return undefined;
  return `requestId must be text of at most ${MAX_REQUEST_ID_LENGTH} characters`;
}

/** Returns a hint for an unknown name: the name that was probably meant, or else all names. */
export function suggest(wanted: string, what: string, names: readonly string[]): string {
  const list = `the ${what} are ${names.join(', ')}`;
  return didYouMean(shownName(wanted), names) ?? boundedText(list, MAX_SHOWN_NAMES_LENGTH);
}

/** Makes a name of any length, with any characters, fit for an error message. */
export function shownName(name: string): string {
  return plainText(boundedText(name, MAX_SHOWN_NAME_LENGTH));
}

/** Returns why the variables that several retries have set for a part are too many; undefined if they are not. */
export function envTooLongReason(name: string, env: Readonly<Record<string, string>>): string | undefined {
  return isEnvTooLong(env)
    ? `env would be longer than ${MAX_ENV_BYTES} bytes (as JSON), together with what earlier retries of ${name} set`
    : undefined;
}

function isEnvTooLong(env: object): boolean {
  return bytesAsJson(env) > MAX_ENV_BYTES;
}
