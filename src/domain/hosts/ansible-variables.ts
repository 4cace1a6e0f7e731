import { valueProblem } from '../plan/values.ts';
import { isRecord } from '../is-record.ts';
import type { Ignored, Setting } from './inventory.ts';
import { readSshArguments } from './ssh-arguments.ts';

/** What variables of Ansible mean for a host. */
export interface Translated {
  readonly target: ReadonlyMap<string, Setting>;
  readonly env: ReadonlyMap<string, Setting>;
  readonly ignored: readonly Ignored[];
}

/** The names of one variable, the one that wins last. */
const CONNECTION: Readonly<Record<string, readonly string[]>> = {
  host: ['ansible_ssh_host', 'ansible_host'],
  port: ['ansible_ssh_port', 'ansible_port'],
  user: ['ansible_ssh_user', 'ansible_user'],
  identity: ['ansible_private_key_file', 'ansible_ssh_private_key_file'],
};
const ARGUMENTS = 'ansible_ssh_common_args';

/** Translates the variables of a host: those of the connection to a target, other texts to environment variables. */
export function translateVariables(vars: ReadonlyMap<string, Setting>): Translated {
  const target = new Map<string, Setting>();
  const env = new Map<string, Setting>();
  const ignored: Ignored[] = [];
  const ignore = (name: string, reason: string, line: number | undefined) =>
    ignored.push({ name, reason, ...(line !== undefined && { line }) });
  const understood = new Set<string>();
  for (const [key, names] of Object.entries(CONNECTION))
    for (const name of names) {
      const setting = vars.get(name);
      if (!setting) continue;
      understood.add(name);
      const unusable = unusableReason(setting.value);
      if (unusable === undefined) target.set(key, { ...setting, value: connectionValue(key, setting.value) });
      else ignore(name, unusable, setting.line);
    }
  for (const [name, { value, line }] of vars) {
    if (understood.has(name)) continue;
    const unusable = unusableReason(value);
    if (unusable !== undefined) ignore(name, unusable, line);
    else if (name === ARGUMENTS) {
      const { jump, ignored: words } = readSshArguments(String(value));
      if (jump) target.set('jump', { value: jump, line });
      for (const reason of words) ignore(name, reason, line);
    } else if (name.startsWith('ansible_')) ignore(name, 'only Ansible uses it', line);
    else {
      const text = String(value);
      const problem = valueProblem(name, text);
      if (problem === undefined) env.set(name, { value: text, line });
      else ignore(name, problem, line);
    }
  }
  return { target, env, ignored };
}

/** A port is a number in whatever form; keys are named, never sent. */
function connectionValue(key: string, value: unknown): unknown {
  if (key === 'port') return /^\d{1,5}$/.test(String(value)) ? Number(value) : value;
  if (key === 'identity') return String(value).replace(/^.*\//s, '');
  return typeof value === 'string' ? value : String(value);
}

/** Why a value is not text. */
function unusableReason(value: unknown): string | undefined {
  if (value === null || value === undefined) return 'has no value';
  if (isRecord(value) && 'kind' in value && (value['kind'] === 'list' || value['kind'] === 'mapping'))
    return `is a ${value['kind']}`;
  if (typeof value === 'object') return `is a ${Array.isArray(value) ? 'list' : 'mapping'}`;
  if (typeof value !== 'string') return undefined;
  if (value.startsWith('$ANSIBLE_VAULT;')) return 'is encrypted by Ansible Vault; use a secret of the plan';
  return /\{\{|\{%/.test(value) ? 'is a template, which only Ansible can fill in' : undefined;
}
