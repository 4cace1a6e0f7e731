import { stat, writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { announceOn, print, type CliContext } from '../context.ts';
import { CliError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import { describe } from '../manual.ts';
import { quote } from '../../shell/index.ts';
import { isPlanName, readTarget } from '../input/target-option.ts';
import { type Act, withTargetOption } from './act.ts';

interface InitOptions {
  readonly target?: readonly string[];
  readonly force?: boolean;
}

const DEFAULT_FILE = 'plan.yaml';

export function addInit(program: Command, act: Act): void {
  const init = program
    .command('init')
    .argument('[file]', 'the file to write; - is standard output', DEFAULT_FILE)
    .option('--force', 'overwrite the file if there is one')
    .action(act(runInit));
  withTargetOption(init);
  describe(init, {
    group: 'Plans:',
    summary: 'write a commented plan to begin with',
    about:
      'The plan is valid as it is: one step that prints hello. Every other key is included as a comment, with its default.',
    examples: {
      'chandler init': 'Writes plan.yaml.',
      'chandler init web.yaml --target deploy@web1.example.org --target become=sudo': 'With a target.',
      'chandler init - | chandler validate -': 'Only to check it.',
    },
    exits: {
      provisioned: 'written',
      failed: 'the file cannot be written',
      usage: 'wrong usage, or the file already exists',
    },
    seeAlso: ['validate', 'diff', 'up', 'schema'],
  });
}

async function runInit(context: CliContext, file: string, options: InitOptions): Promise<number> {
  const [{ parsePlan, renderProblems }, { fillTarget, planTemplate }] = await Promise.all([
    import('../input/plan-file.ts'),
    import('../input/plan-template.ts'),
  ]);
  const text = fillTarget(planTemplate(), readTarget(options.target ?? []));
  const { problems } = parsePlan(text);
  if (problems) throw new CliError(exitCodes.usage, renderProblems('--target', withoutLines(problems)));
  if (file === '-') {
    context.stdout.write(text);
    announceOn(context)(renderNext(context, 'plan.yaml').join('\n'));
    return 0;
  }
  await writePlan(context, file, text, options.force === true);
  print(context, `Wrote ${file}.`, ...renderNext(context, file));
  return 0;
}

/** Removes line numbers, because the file does not exist. */
function withoutLines(problems: readonly { readonly path: string; readonly message: string }[]) {
  return problems.map(({ path, message }) => ({ path, message }));
}

async function writePlan(context: CliContext, file: string, text: string, force: boolean): Promise<void> {
  try {
    await writeFile(file, text, { flag: force ? 'w' : 'wx' });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST' && !(await stat(file)).isDirectory())
      throw new CliError(
        exitCodes.usage,
        `${file} already exists; --force overwrites it, or see: ${context.program} validate ${quote(file)}`,
        { cause: error },
      );
    const why = code === 'EEXIST' ? 'it is a directory' : message;
    throw new CliError(exitCodes.failed, `${file} cannot be written: ${why}`, { cause: error });
  }
}

export function renderNext({ program }: Pick<CliContext, 'program'>, file: string): string[] {
  // `./` keeps the file name from being read as an option or a host.
  const words = quote(file.startsWith('-') || !isPlanName(file) ? `./${file}` : file);
  const commands = [
    [`${program} validate ${words}`, 'is it well-formed?'],
    [`${program} doctor ${words}`, 'can a worker reach the host, and does it have the secrets?'],
    [`${program} diff ${words}`, 'what would a run do?'],
    [`${program} up ${words}`, 'do it, and watch'],
  ] as const;
  const width = Math.max(...commands.map(([command]) => command.length));
  return [
    'Edit its target and steps, then:',
    ...commands.map(([command, why]) => `  ${command.padEnd(width)}  ${why}`),
  ];
}
