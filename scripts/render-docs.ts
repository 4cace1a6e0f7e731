// The generated parts of the pages in docs/: tables of plan keys, variables and codes, and the command line's manual.
import type { Argument, Command, Option } from 'commander';
import { z } from 'zod';
import type { Act } from '../src/cli/commands/act.ts';
import { environmentTexts } from '../src/cli/environment.ts';
import { exitCodes, exitTexts, type ExitName } from '../src/cli/exit-codes.ts';
import { manualOf } from '../src/cli/manual.ts';
import { createProgram } from '../src/cli/run-cli.ts';
import { environmentSchema } from '../src/config/config.ts';
import { exampleFleetInput, fleetActionNames, fleetActions } from '../src/domain/fleet/fleet-actions.ts';
import { fleetSchema } from '../src/domain/fleet/schema.ts';
import { planSchema, watchSchema } from '../src/domain/plan/schema.ts';
import { actionNames, actions, exampleInput } from '../src/domain/run/actions.ts';
import { failureCodes } from '../src/domain/run/failure.ts';
import { formatText } from './format-text.ts';

/** As much of JSON Schema as the schemas use. */
interface JsonSchema {
  readonly description?: string;
  readonly default?: string | number;
  readonly items?: JsonSchema;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
}

const PARTS: Readonly<Record<string, () => string>> = {
  'plan-keys': () => keyTable(planSchema),
  'watch-keys': () => keyTable(watchSchema),
  'fleet-keys': () => keyTable(fleetSchema),
  'fleet-actions': renderFleetActions,
  'worker-variables': variableTable,
  actions: renderActions,
  'failure-codes': failureTable,
  'exit-codes': exitTable,
  commands: renderCommands,
};
const PART = /(<!-- generated: ([\w-]+) -->\n)[^]*?(<!-- \/generated -->)/g;

/** A page with its generated parts as they must be now. `file` is where it is, for its style. */
export async function renderPage(text: string, file: string): Promise<string> {
  const filled = text.replaceAll(PART, (_, begin: string, name: string, end: string) => {
    const render = PARTS[name];
    if (!render) throw new Error(`${file}: there is no generated part "${name}"`);
    return `${begin}\n${render()}\n\n${end}`;
  });
  return formatText(file, filled);
}

function keyTable(schema: z.ZodType): string {
  const json = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as JsonSchema;
  const rows = Object.entries(json.properties ?? {}).flatMap(([key, value]) => keyRows(key, value));
  return table(['key', 'default', 'meaning'], rows);
}

/** A key and the keys below it. Those of jump hosts are the target's own. */
function keyRows(key: string, { description, items, properties }: JsonSchema): string[][] {
  if (description === undefined && !items && !properties) return [];
  const inner = items?.properties ? `${key}[]` : key;
  const below = key.endsWith('.jump') ? {} : (items?.properties ?? properties ?? {});
  return [
    ...(description === undefined ? [] : [[`\`${key}\``, ...splitDefault(description)]]),
    ...Object.entries(below).flatMap(([name, value]) => keyRows(`${inner}.${name}`, value)),
  ];
}

function variableTable(): string {
  const { properties = {} } = z.toJSONSchema(environmentSchema, {
    io: 'input',
    unrepresentable: 'any',
  }) as JsonSchema;
  const temporal = Object.entries(environmentTexts)
    .filter(([name]) => name.startsWith('TEMPORAL_'))
    .map(([name, text]): [string, string] => {
      const [about = '', fallback = ''] = text.split(/; default: /);
      return [
        name,
        `${about[0]?.toUpperCase()}${about.slice(1)}.${fallback === '' ? '' : ` Default ${fallback}.`}`,
      ];
    });
  const own = Object.entries(properties).map(([name, { description = '', default: usual }]) => {
    const fallback = usual === undefined ? '' : ` Default ${usual}.`;
    return [name, description + fallback] as const;
  });
  const rows = [...temporal, ...own].map(([name, text]) => [
    name.replaceAll(/\w+…?/g, '`$&`'),
    ...splitDefault(text),
  ]);
  return table(['variable', 'default', 'meaning'], rows);
}

function renderActions(): string {
  const rows = actionNames.map((name) => {
    const { command, key, checks, summary } = actions[name];
    const keys = Object.keys(checks).map((each) => `\`${each}\``);
    return [
      `[\`${name}\`](#${name.toLowerCase()})`,
      `\`chandler ${command}\``,
      `\`${key}\``,
      keys.join(', '),
      summary,
    ];
  });
  return [
    table(['action', 'command', 'key in the live view', 'input', 'effect'], rows),
    ...actionNames.flatMap((name) => [
      `## \`${name}\``,
      prose(actions[name].details),
      `\`\`\`console\n$ temporal workflow signal -w ID --name ${name} --input '${exampleInput(name)}'\n\`\`\``,
    ]),
  ].join('\n\n');
}

function renderFleetActions(): string {
  const rows = fleetActionNames.map((name) => {
    const { summary, details } = fleetActions[name];
    return [`\`${name}\``, `\`${exampleFleetInput(name)}\``, prose(`${summary}. ${details}`)];
  });
  return table(['action', 'input', 'effect'], rows);
}

/** The failure codes as a Markdown table. */
export function failureTable(): string {
  const rows = Object.entries(failureCodes).map(([code, { retryable, advice }]) => [
    `\`${code}\``,
    retryable ? 'yes' : 'no',
    advice,
  ]);
  return table(['code', 'retryable', 'advice'], rows);
}

function exitTable(): string {
  const rows = Object.entries(exitCodes).map(([name, code]) => [String(code), exitTexts[name as ExitName]]);
  return table(['exit code', 'meaning'], rows);
}

const idle = () => () => Promise.resolve();
const act: Act = Object.assign(idle, { untilStopped: idle });
const terminalSize = () => ({ columns: 100, rows: 24 });

function renderCommands(): string {
  const { stdout, stderr } = process;
  const program = createProgram({ stdout, stderr, terminalSize }, act, { json: false });
  return [
    ...renderManual(program, '`chandler`'),
    ...commandsOf(program, 'chandler').flatMap(({ name, command }) => renderManual(command, `\`${name}\``)),
  ].join('\n\n');
}

function commandsOf(command: Command, above: string): { name: string; command: Command }[] {
  return command.commands
    .filter((each) => manualOf(each))
    .flatMap((each) => {
      const name = `${above} ${each.name()}`;
      return [{ name, command: each }, ...commandsOf(each, name)];
    });
}

/** `how it reaches the host: sh (default), cloud-init or rc.local`; `--help` adds the choices itself. */
function meaningOf({ description, argChoices, defaultValue }: Argument | Option): string {
  if (!argChoices) return description;
  const names = argChoices.map((name) => (name === defaultValue ? `${name} (default)` : name));
  return `${description}: ${[names.slice(0, -1).join(', '), ...names.slice(-1)].join(' or ')}`;
}

function renderManual(command: Command, title: string): string[] {
  const manual = manualOf(command);
  if (!manual) return [];
  const { about, examples, exits = {}, environment = [], seeAlso = [] } = manual;
  const terms = [...command.registeredArguments, ...command.options].filter(
    (term) => !('hidden' in term && term.hidden),
  );
  const exitLines = (Object.keys(exitCodes) as ExitName[]).flatMap((name) =>
    exits[name] === undefined ? [] : [`${exitCodes[name]} ${exits[name]}`],
  );
  return [
    `## ${title}`,
    prose(about),
    `\`\`\`console\n${Object.entries(examples)
      .map(([line, what]) => `# ${what}\n$ ${line}`)
      .join('\n')}\n\`\`\``,
    ...(terms.length === 0
      ? []
      : [
          table(
            [command.registeredArguments.length === 0 ? 'option' : 'argument or option', 'meaning'],
            terms.map((term) => [`\`${termOf(term)}\``, prose(meaningOf(term))]),
          ),
        ]),
    ...(exitLines.length === 0 ? [] : [`Exit codes: ${prose(exitLines.join('; '))}.`]),
    ...(environment.length === 0
      ? []
      : [
          `Environment: ${environment
            .flatMap((names) => names.split(', '))
            .map((name) => `\`${name}\``)
            .join(', ')}.`,
        ]),
    ...(seeAlso.length === 0 ? [] : [`See also: ${seeAlso.map((name) => `\`${name}\``).join(', ')}.`]),
  ];
}

function termOf(term: Argument | Option): string {
  if ('flags' in term) return term.flags;
  const name = `${term.name()}${term.variadic ? '…' : ''}`;
  return term.required ? `<${name}>` : `[${name}]`;
}

/** `The port. Default 22.` as a cell for the default and one for the rest. */
function splitDefault(text: string): [string, string] {
  const [, meaning = text, usual = ''] = /^([^]*?) ?Default ([^]*)\.$/.exec(text) ?? [];
  return [usual, meaning];
}

/** Plain text of the command line as Markdown: `*` and `<` are no markup outside of code. */
function prose(text: string): string {
  return text
    .split('`')
    .map((part, i) => (i % 2 === 1 ? part : part.replaceAll(/[*<]/g, '\\$&')))
    .join('`');
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => '-'), ...rows]
    .map((cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`)
    .join('\n');
}
