import { boundedText } from '../domain/bounded-text.ts';
import { isDuration } from '../domain/duration.ts';
import { activePart } from '../domain/status.ts';
import { plainText } from '../domain/terminal.ts';
import { refuseVariable } from '../domain/variables.ts';
import type { RetryStep } from './messages.ts';
import { partKey, stepStatus, type Run } from './run.ts';

// Why a message is refused. Messages come from anywhere, in any shape, so nothing of their types is taken for granted.

/** Bytes as JSON: together with its step, which a plan bounds, a script must fit into one payload. */
const MAX_SCRIPT_BYTES = 256 * 1024;
const MAX_ENV_BYTES = 64 * 1024;
/** Characters. */
const MAX_REQUEST_ID_LENGTH = 200;
const MAX_SHOWN_NAME_LENGTH = 100;

export function noSuchStep(run: Run, input: { step?: unknown } | null | undefined): string | undefined {
  const name = input?.step;
  if (typeof name !== 'string') return 'the message must be an object such as {"step": "NAME"}';
  const names = run.status.steps.map((step) => step.name);
  return names.includes(name)
    ? undefined
    : `there is no step "${shown(name)}"; the steps are ${names.join(', ')}`;
}

/** Why a step, or its finalizer if that is what is left of it, cannot be decided about now. */
export function stepRefusal(run: Run, name: string): string | undefined {
  const step = stepStatus(run, name);
  const part = activePart(step);
  if (part.state !== 'parked')
    return `${part === step ? '' : 'the finalizer of '}${name} is ${part.state}, not parked`;
  if (run.resets.has(name)) return `${name} is being set back`;
  return refuseSecondDecision(run, name);
}

export function refuseSecondDecision(run: Run, name: string): string | undefined {
  return run.decisions.has(name) ? `somebody has decided about ${name} already` : undefined;
}

export function refuseScript(script: unknown): string | undefined {
  if (script === undefined) return undefined;
  if (typeof script !== 'string' || script.trim() === '' || script.includes('\0'))
    return 'script must be text';
  return bytesAsJson(script) > MAX_SCRIPT_BYTES
    ? `script is longer than ${MAX_SCRIPT_BYTES} bytes (as JSON)`
    : undefined;
}

export function refuseEnv(env: unknown): string | undefined {
  if (env === undefined) return undefined;
  if (typeof env !== 'object' || env === null || Array.isArray(env))
    return 'env must be an object such as {"NAME": "value"}';
  for (const [name, value] of Object.entries(env)) {
    const problem =
      refuseVariable(name) ??
      (typeof value === 'string' && !value.includes('\0') ? undefined : 'must be text without a NUL byte');
    if (problem !== undefined) return `env.${shown(name)}: ${problem}`;
  }
  return bytesAsJson(env) > MAX_ENV_BYTES ? `env is longer than ${MAX_ENV_BYTES} bytes (as JSON)` : undefined;
}

export function refuseFlag(name: string, value: unknown): string | undefined {
  return value === undefined || typeof value === 'boolean' ? undefined : `${name} must be true or false`;
}

export function refuseDuration(by: unknown): string | undefined {
  const fits = (typeof by === 'string' || typeof by === 'number') && isDuration(by);
  return fits ? undefined : 'by must be a duration such as 10m, or milliseconds; at most 365d';
}

export function refuseRequestId(id: unknown): string | undefined {
  if (id === undefined || (typeof id === 'string' && id !== '' && id.length <= MAX_REQUEST_ID_LENGTH))
    return undefined;
  return `requestId must be text of at most ${MAX_REQUEST_ID_LENGTH} characters`;
}

/** What several messages have given for a part comes together in one order. */
export function refuseMoreEnv(
  run: Run,
  { step: name, env, resetDownstream }: Pick<RetryStep, 'step' | 'env' | 'resetDownstream'>,
): string | undefined {
  if (env === undefined) return undefined;
  const step = stepStatus(run, name);
  const kind = resetDownstream === true || activePart(step) === step ? 'step' : 'finalizer';
  const whole = { ...run.envs.get(partKey(kind, name)), ...env };
  return bytesAsJson(whole) > MAX_ENV_BYTES
    ? `env would be longer than ${MAX_ENV_BYTES} bytes (as JSON), together with what ${name} was given before`
    : undefined;
}

function shown(name: string): string {
  return plainText(boundedText(name, MAX_SHOWN_NAME_LENGTH));
}

function bytesAsJson(value: unknown): number {
  return new TextEncoder().encode(JSON.stringify(value)).length;
}
