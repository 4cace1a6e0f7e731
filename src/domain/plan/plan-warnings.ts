import type { Problem } from './problems.ts';
import type { Plan } from './schema.ts';
import { shellCommands, type ShellCommand } from './shell-commands.ts';

/** Something in a valid plan that is probably not intended. */
export interface PlanWarning extends Problem {
  /** Counted from 1; missing if it is not about a script. */
  readonly scriptLine?: number;
}

/** Finds likely mistakes in the variables and scripts of a plan. Reports each kind once for each script. */
export function planWarnings({ env, steps }: Pick<Plan, 'env' | 'steps'>): PlanWarning[] {
  const ofSteps = steps.flatMap((step, i) => [
    ...literalVariables(step.env, `steps[${i}].env`),
    ...(['script', 'check', 'finalize'] as const).flatMap((key) => {
      const script = step[key];
      if (script === undefined) return [];
      const path = `steps[${i}].${key}`;
      return scriptWarnings(script, key === 'script').map((warning) => ({ path, ...warning }));
    }),
  ]);
  return [...literalVariables(env, 'env'), ...ofSteps];
}

/** No shell reads a value. A password may contain a `$`, but rarely the name of a variable. */
function literalVariables(env: Plan['env'] = {}, path: string): PlanWarning[] {
  return Object.entries(env).flatMap(([name, value]) => {
    const [found] = /\$(\{[A-Z_]{3,}\}|[A-Z_]{3,}\b)/.exec(value) ?? [];
    if (found === undefined) return [];
    const message = `${found} stays as it is, because values are not expanded: set ${name} in the script instead`;
    return [{ path: `${path}.${name}`, message }];
  });
}

interface ScriptWarning {
  readonly scriptLine: number;
  readonly message: string;
}

function scriptWarnings(script: string, hasTerminal: boolean): ScriptWarning[] {
  const lines = script.split('\n');
  const isShell = runsInShell(lines[0] ?? '');
  // Other interpreters accept CR LF, but the kernel reads the CR as a part of the interpreter's name.
  const crLine = lines.findIndex((line, i) => line.endsWith('\r') && (isShell || i === 0)) + 1;
  if (crLine > 0)
    return [
      {
        scriptLine: crLine,
        message: 'the line ends in CR LF, and the CR becomes part of its last word: use LF line ends',
      },
    ];
  const commands = isShell ? (shellCommands(script) ?? []) : [];
  const found = [
    ...unseenFailure(lines[0] ?? '', commands),
    ...(hasTerminal ? trailingBackground(commands) : []),
  ];
  return found.toSorted((a, b) => a.scriptLine - b.scriptLine);
}

/** bash runs a script without `#!`. */
function runsInShell(firstLine: string): boolean {
  return !firstLine.startsWith('#!') || /[/\s](ba|da|a|k|z)?sh\b/.test(firstLine);
}

/** The terminal of a step hangs up when its script ends. */
function trailingBackground(commands: readonly ShellCommand[]): ScriptWarning[] {
  const last = commands.findLast(
    ({ text }) => !isFirstWordOf(text, ['exit', 'true', ':', 'disown', 'echo', 'sleep']),
  );
  if (last?.end !== '&' || /\b(nohup|setsid|systemd-run|daemonize)\b/.test(last.text)) return [];
  return [
    {
      scriptLine: last.line,
      message: `${quoted(last.text)} still runs in the background when the script ends, and ends with the step's terminal: start it with nohup or setsid, or as a service`,
    },
  ];
}

/** Without `set -e` the shell continues after a failed command, and only the last command determines the exit code. */
function unseenFailure(firstLine: string, commands: readonly ShellCommand[]): ScriptWarning[] {
  if (/^#!.*\s-\w*e/.test(firstLine) || commands.some(({ text }) => HANDLES_FAILURES.test(text))) return [];
  const found = commands.find((_, i) => i < commands.length - 1 && isUnseen(commands, i));
  if (!found) return [];
  return [
    {
      scriptLine: found.line,
      message: `if ${quoted(found.text)} fails, the script continues and the failure is lost: begin the script with set -e`,
    },
  ];
}

/** `set -eu`, `set -o errexit`, `trap … ERR`, and explicit handling of exit codes. */
const HANDLES_FAILURES =
  /(^|[\s;{(])(set\s([^;]*\s)?(-[a-zA-Z]*e|-o\s+errexit)|trap\s.*\bERR\b)|\$\?|\$\{?PIPESTATUS/;

/** Whether a failure of the pipeline that ends in this command is lost. A failure inside a list of `&&` and `||` is not. */
function isUnseen(commands: readonly ShellCommand[], index: number): boolean {
  const { text, end, isCompound } = commands[index]!;
  if (end !== ';' || isCompound || isHarmless(text)) return false;
  const before = commands.slice(0, index).findLast((command) => command.end !== '|');
  return before?.end !== '&&' && before?.end !== '||';
}

const HARMLESS =
  /^(!|echo|printf|:|true|set|export|readonly|declare|typeset|umask|trap|sleep|shift|unset|alias|exec|exit|wait|shopt|hash|kill|pkill|rm\s+-\w*f)(\s|$)/;

/** Commands that rarely fail, or whose failure rarely matters. The substitution in an assignment may fail. */
function isHarmless(text: string): boolean {
  const isAssignment = /^([A-Za-z_]\w*\+?=\S*\s*)+$/.test(text.replaceAll(/'[^']*'|"[^"]*"/g, ''));
  return HARMLESS.test(text) || (isAssignment && !/\$\(|`/.test(text));
}

function isFirstWordOf(text: string, words: readonly string[]): boolean {
  return words.includes(text.split(/\s/, 1)[0] ?? '');
}

const MAX_QUOTED_LENGTH = 60;

function quoted(command: string): string {
  const [first = ''] = command.split('\n', 1);
  return `\`${first.length > MAX_QUOTED_LENGTH || first !== command ? `${first.slice(0, MAX_QUOTED_LENGTH)}…` : first}\``;
}
