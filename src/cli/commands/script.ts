import { chmod, writeFile } from 'node:fs/promises';
import { type Command, Option } from 'commander';
import { formatScript, presets, script, scriptFormats, type ScriptFormat } from '../../provision/index.ts';
import type { CliContext } from '../context.ts';
import { CliError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import { loadPlan, presetName } from '../plan-file.ts';
import type { Act } from './act.ts';

interface ScriptCommandOptions {
  readonly format: ScriptFormat;
  readonly output?: string;
  readonly stateDir?: string;
  readonly log?: string;
  readonly path?: string;
}

export function addScript(program: Command, act: Act): void {
  program
    .command('script')
    .description('make a program with which a host provisions itself')
    .argument(
      '<plan>',
      'YAML or JSON; - is standard input, preset:NAME a ready-made one; its target is not needed',
    )
    .addOption(
      new Option('-f, --format <format>', 'how it is brought to the host')
        .choices(scriptFormats)
        .default('sh'),
    )
    .option('-o, --output <file>', 'default: standard output')
    .option('--state-dir <path>', "on the host; default: /var/lib/chandler, or in the user's home")
    .option(
      '--log <path>',
      'on the host; default: /var/log/chandler-provision.log, or in the state directory',
    )
    .option('--path <path>', 'of the script on the host; default: /usr/local/bin/chandler-provision.sh')
    .addHelpText(
      'after',
      `
Examples:
  chandler script web.yaml -o chandler-provision.sh      for the root file system of an image
  chandler script web.yaml -f cloud-init -o user-data    for a cloud's user-data
  chandler watch-host root@10.0.0.7                      follows the host that runs it`,
    )
    .action(
      act((context, file: string, options: ScriptCommandOptions) => writeScript(context, file, options)),
    );
}

async function writeScript(
  context: CliContext,
  file: string,
  { format, output, stateDir, ...places }: ScriptCommandOptions,
): Promise<number> {
  // Which host it is for makes no difference to a script.
  const { target: _, steps, ...rest } = await loadPlan(file, ['host=localhost'], context);
  const { name, zmx, bootstrap, sentinel, onStepFailure, keepSessions } = rest;
  const known = presets.paths(presetName(file) ?? '');
  const { log = known.log, path = known.provisionScript } = places;
  const made = script(steps, {
    ...(name !== undefined && { name }),
    ...(zmx && { zmx }),
    ...(bootstrap && { bootstrap }),
    ...(sentinel && { sentinel }),
    ...(onStepFailure && { onStepFailure }),
    ...(keepSessions && { keepSessions }),
    ...(stateDir !== undefined && { stateDir }),
    ...(log !== undefined && { log }),
  });
  const text = formatScript(made, format, path);
  if (output === undefined) {
    context.stdout.write(text);
    return 0;
  }
  try {
    await writeFile(output, text);
    if (format !== 'cloud-init') await chmod(output, 0o755);
  } catch (error) {
    throw new CliError(exitCodes.failed, `cannot write ${output}: ${(error as Error).message}`, {
      cause: error,
    });
  }
  return 0;
}
