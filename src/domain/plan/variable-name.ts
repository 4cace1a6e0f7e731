export const VARIABLE_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Why a step cannot have an environment variable with this name; undefined if it can. */
export function variableNameProblem(name: string): string | undefined {
  if (!VARIABLE_NAME.test(name)) return 'must be the name of an environment variable';
  // JSON readers drop or misread a key with this name.
  if (name === '__proto__') return 'must not be __proto__';
  if (/^(CHANDLER|ZMX)_/.test(name)) return 'must not begin with CHANDLER_ or ZMX_: those are reserved';
  if (/^(BASHOPTS|BASH_VERSINFO|EUID|PPID|SHELLOPTS|UID)$/.test(name)) return 'is read-only in bash';
  return undefined;
}
