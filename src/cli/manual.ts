import { Help, type Command } from 'commander';
import { environmentTexts, type EnvironmentName } from './environment.ts';
import { EVERY_COMMAND, exitCodes, exitTexts, type ExitName } from './exit-codes.ts';

export type Group =
  | 'Provision:'
  | 'Watch and inspect:'
  | 'Act on runs:'
  | 'Plans:'
  | 'Run the parts:'
  | typeof LAST_GROUP;
export const LAST_GROUP = 'This program:';

/** The help of a command, besides its arguments and options. */
export interface Manual {
  /** The heading under which the program's help lists it; missing for a subcommand. */
  readonly group?: Group;
  /** One line for the list of commands. */
  readonly summary: string;
  /** Paragraphs, separated by an empty line. */
  readonly about: string;
  /** The purpose of each command line; a test parses them. */
  readonly examples: Readonly<Record<string, string>>;
  /** Exit codes besides those of every command, or a more specific meaning of one. */
  readonly exits?: Readonly<Partial<Record<ExitName, string>>>;
  readonly environment?: readonly EnvironmentName[];
  /** Other commands, without the name of the program. */
  readonly seeAlso?: readonly string[];
}

const manuals = new WeakMap<Command, Manual>();

/** Sets the manual of a command, which `--help`, `help COMMAND` and the list of commands show. */
export function describe(command: Command, manual: Manual): Command {
  manuals.set(command, manual);
  if (manual.group !== undefined) command.helpGroup(manual.group);
  return command
    .summary(manual.summary)
    .description(manual.about)
    .addHelpText('after', ({ command }) => {
      const width = command.configureOutput().getOutHelpWidth?.() ?? 80;
      return `\n${renderManual(manual, width).join('\n')}`;
    });
}

export function manualOf(command: Command): Manual | undefined {
  return manuals.get(command);
}

/** The sections after the options. */
export function renderManual(manual: Manual, width: number): string[] {
  const { examples, exits = {}, environment = [], seeAlso = [] } = manual;
  const codes = (Object.keys(exitCodes) as ExitName[])
    .filter((name) => name in exits || EVERY_COMMAND.some((every) => every === name))
    .map((name): [string, string] => [String(exitCodes[name]), exits[name] ?? exitTexts[name]]);
  const variables = environment.map((name): [string, string] => [name, environmentTexts[name]]);
  return [
    'Examples:',
    ...Object.entries(examples).flatMap(([line, what]) => [`  ${line}`, ...hang(what, 6, width)]),
    '',
    'Exit codes:',
    ...codes.flatMap(([code, text]) => hang(text, 7, width, `  ${code}`)),
    ...(variables.length === 0 ? [] : ['', 'Environment:']),
    ...variables.flatMap(([name, text]) => [`  ${name}`, ...hang(text, 6, width)]),
    ...(seeAlso.length === 0 ? [] : ['', 'See also:']),
    ...(seeAlso.length === 0 ? [] : hang(seeAlso.map((name) => `chandler ${name}`).join(', '), 2, width)),
  ];
}

/** In fewer columns text is not wrapped. */
export const MIN_WRAP = 20;
const wrapper = Object.assign(new Help(), { minWidthToWrap: MIN_WRAP });

/** Indents a text; the first line may begin with `first` in the margin. */
function hang(text: string, indent: number, width: number, first = ''): string[] {
  const lines = wrapper.boxWrap(text, width - indent).split('\n');
  return lines.map((line, i) => `${(i === 0 ? first : '').padEnd(indent)}${line}`);
}
