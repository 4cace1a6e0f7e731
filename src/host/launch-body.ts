import { readFileSync } from 'node:fs';
import type { Step } from '../domain/plan/schema.ts';
import type { Launch } from '../domain/run/ids.ts';
import type { RecordEntry } from '../domain/run/part-record.ts';
import { headsOf, secretForms } from '../domain/secrets/secret-forms.ts';
import { quote } from '../shell/index.ts';
import { readPart } from './programs.ts';
import type { LaunchBody } from './launch.ts';
import type { DeliveredFile } from './placed-files.ts';
import { renderFilesCheck, renderPlacement } from './render-files.ts';

/** What a launch runs. */
export interface LaunchWork {
  readonly script: string;
  readonly env: Readonly<Record<string, string>>;
  /** They become variables of the script and are masked in its log. */
  readonly secrets?: Readonly<Record<string, string>>;
  /** What is masked in its log besides. */
  readonly masked?: readonly string[];
  /** Placed before the script runs. */
  readonly files?: readonly DeliveredFile[];
  /** Whether the script reboots the host, or may do so: then a reboot ends the launch with exit code 0. */
  readonly reboot?: Step['reboot'];
  /** The holder of the lease: the launch is not created once another run has taken the host. */
  readonly lease?: string | undefined;
  /** What the host records about the part before the launch can begin. */
  readonly record?: RecordEntry | undefined;
}

/**
 * The files that the supervisor reads. `lingerS`: seconds that the launch must last so that zmx notices its end (see missedEnds).
 * `hasScript`: whether the host is known to have the `script` of util-linux.
 *
 * A field of a step that the supervisor must know is declared in {@link LaunchWork}, rendered in `settings`, and read in
 * programs/supervise.sh.
 */
export function renderLaunchBody(
  launch: Launch,
  work: LaunchWork,
  { lingerS = 0, hasScript = false } = {},
): LaunchBody {
  return {
    // Separate arguments, because csh accepts no line end in one.
    settings: [
      `step=${quote(launch.step)}`,
      `attempt=${launch.attempt}`,
      [
        `linger=${lingerS}`,
        ...(hasScript ? ['pty=yes'] : []),
        ...(work.reboot === undefined ? [] : [`reboot=${work.reboot}`]),
      ].join(' '),
    ],
    env: exports(work.env),
    script: renderPlacement(work.files ?? [], work.script),
  };
}

/**
 * The shell code that the supervisor evaluates once: variables with secrets, and how to mask the values in `masked` in the log. Empty
 * without either.
 */
export function renderSecrets(
  variables: Readonly<Record<string, string>>,
  masked: readonly string[] = Object.values(variables),
): string {
  if (Object.keys(variables).length === 0 && masked.length === 0) return '';
  const settings = { secret_env: exports(variables), secret_mask: maskProgram(masked) };
  return `${readPart('mask')}${assignments(settings)}`;
}

/** The awk program that masks a step's output; empty if all secrets are too short to be masked. */
export function maskProgram(values: readonly string[]): string {
  const forms = secretForms(values).map((form) => {
    const units = form.units.map((spellings) => spellings.join('\t')).join('\n');
    const texts = [units, form.lead, form.trail, headsOf(form).join('\n')].map(awkString);
    return `add(${form.loose ? 1 : 2}, ${texts.join(', ')})\n`;
  });
  if (forms.length === 0) return '';
  const program = readFileSync(new URL('./programs/mask.awk', import.meta.url), 'utf8');
  return `BEGIN {\n${forms.join('')}}\n${program.replaceAll(/^ *#.*\n|^ +/gm, '')}`;
}

/** A string of bytes in a notation that every awk reads. */
function awkString(bytes: string): string {
  const escaped = bytes.replaceAll(
    /[^0-9A-Za-z]/g,
    (byte) => `\\${byte.charCodeAt(0).toString(8).padStart(3, '0')}`,
  );
  return `"${escaped}"`;
}

/** A check with the variables of its step. It also fails unless these files are in place. */
export function renderCheck(
  script: string,
  env: Readonly<Record<string, string>>,
  files: readonly DeliveredFile[] = [],
): string {
  return `${exports(env)}${renderFilesCheck(files, script)}`;
}

/** `command export NAME='value'`, a line each. Without `command`, a name that the shell rejects, as bash does UID, ends the shell. */
export function exports(values: Readonly<Record<string, string>>): string {
  return Object.entries(values)
    .map(([name, value]) => `command export ${name}=${quote(value)}\n`)
    .join('');
}

/** `NAME='value'`, a line each. */
export function assignments(values: Readonly<Record<string, string>>): string {
  return Object.entries(values)
    .map(([name, value]) => `${name}=${quote(value)}\n`)
    .join('');
}
