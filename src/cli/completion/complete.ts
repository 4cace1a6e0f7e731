import type { Argument, Command, Option } from 'commander';

export interface Candidate {
  readonly value: string;
  readonly about: string;
}

/** What can stand at the cursor: some words, and perhaps any file name. */
export interface Completion {
  readonly candidates: readonly Candidate[];
  readonly files: boolean;
}

/** What is known about a command line up to the word that is being typed. */
export interface Line {
  readonly command: Command;
  /** The arguments before the cursor, in order. */
  readonly given: readonly string[];
  /** The options before the cursor, by their long names, with their values. */
  readonly options: Readonly<Record<string, string>>;
}

/** Provides values that only this machine or the server knows. */
export interface Sources {
  /** The values of an argument or option, by its name in the usage: `id`, `step`, `plan`. */
  readonly valuesOf: (name: string, line: Line) => Promise<Completion>;
}

const NOTHING: Completion = { candidates: [], files: false };

/** Completes a command line. `words` follow the program's name; the last one is being typed. */
export async function complete(
  program: Command,
  words: readonly string[],
  sources: Sources,
): Promise<Completion> {
  const current = words.at(-1) ?? '';
  const { line, awaits, onlyArguments } = readLine(program, words.slice(0, -1));
  if (awaits) return matching(await valuesOf(awaits, line, sources), current);
  const [, name, typed] = /^(--[^=]+)=(.*)$/s.exec(current) ?? [];
  if (!onlyArguments && name !== undefined) {
    const option = optionsOf(line.command).find(({ long }) => long === name);
    if (!option || !takesValue(option)) return NOTHING;
    const { candidates } = matching(await valuesOf(option, line, sources), typed ?? '');
    return {
      candidates: candidates.map(({ value, about }) => ({ value: `${name}=${value}`, about })),
      files: false,
    };
  }
  if (!onlyArguments && current.startsWith('-')) return matching(optionNames(line), current);
  if (line.command.name() === 'help' || (line.command.commands.length > 0 && line.given.length === 0)) {
    return matching(commandNames(line.command.name() === 'help' ? program : line.command), current);
  }
  const argument = argumentAt(line);
  return argument ? matching(await valuesOf(argument, line, sources), current) : NOTHING;
}

/** Finds the command that the words lead to, like commander. */
function readLine(program: Command, words: readonly string[]) {
  let command = program;
  let awaits: Option | undefined;
  let onlyArguments = false;
  const given: string[] = [];
  const options: Record<string, string> = {};
  for (const word of words) {
    if (awaits) {
      options[awaits.long ?? ''] = word;
      awaits = undefined;
    } else if (!onlyArguments && word === '--') onlyArguments = true;
    else if (!onlyArguments && /^-./.test(word)) {
      const [name = '', value] = word.split(/=(.*)/s, 2);
      const option = optionsOf(command).find(({ long, short }) => name === long || name === short);
      if (!option) continue;
      if (takesValue(option) && value === undefined) awaits = option;
      else options[option.long ?? ''] = value ?? '';
    } else {
      const next = given.length === 0 ? command.commands.find((each) => each.name() === word) : undefined;
      if (next) command = next;
      // commander's tree has no `help` command, whose argument is the name of a command.
      else if (command === program && word === 'help') command = program.createCommand('help');
      else given.push(word);
    }
  }
  return { line: { command, given, options } satisfies Line, awaits, onlyArguments };
}

function valuesOf(what: Argument | Option, line: Line, sources: Sources): Promise<Completion> {
  const choices = what.argChoices;
  if (choices) {
    return Promise.resolve({ candidates: choices.map((value) => ({ value, about: '' })), files: false });
  }
  return sources.valuesOf(nameOf(what), line);
}

/** The name in the usage: `file` for `<file>` and for `--script <file>`. */
function nameOf(what: Argument | Option): string {
  if (!('flags' in what)) return what.name();
  return /[<[]([^>\]]+)[>\]]/.exec(what.flags)?.[1]?.replace(/\.\.\.$/, '') ?? '';
}

function takesValue(option: Option): boolean {
  return option.required || option.optional;
}

/** The options of a command and of all commands above it. */
function optionsOf(command: Command): Option[] {
  return [...command.options, ...(command.parent ? optionsOf(command.parent) : [])];
}

function optionNames({ command, options }: Line): Completion {
  const candidates = optionsOf(command)
    .filter(({ hidden, long }) => !hidden && long !== undefined && !(long in options))
    .map(({ long = '', description }) => ({ value: long, about: description }));
  return {
    candidates: [...candidates, { value: '--help', about: 'show the help of the command' }],
    files: false,
  };
}

function commandNames(command: Command): Completion {
  const candidates = command
    .createHelp()
    .visibleCommands(command)
    .map((each) => ({ value: each.name(), about: each.summary() || each.description() }));
  return { candidates, files: false };
}

function argumentAt({ command, given }: Line): Argument | undefined {
  const { registeredArguments } = command;
  const last = registeredArguments.at(-1);
  return registeredArguments[given.length] ?? (last?.variadic ? last : undefined);
}

function matching({ candidates, files }: Completion, typed: string): Completion {
  return { candidates: candidates.filter(({ value }) => value.startsWith(typed)), files };
}
