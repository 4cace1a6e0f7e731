import { chmod, writeFile } from 'node:fs/promises';
import { type Command, Option } from 'commander';
import { definedOnly } from '../../domain/defined-only.ts';
import type { ScriptFormat } from '../../self-provision/script-formats.ts';
import type { CliContext } from '../context.ts';
import { CliError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import type { ValueOptions } from '../input/read-values.ts';
import { describe } from '../manual.ts';
import { type Act, PLAN_ARGUMENT, withValueOptions } from './act.ts';

interface ScriptCommandOptions extends ValueOptions {
  readonly format: ScriptFormat;
  readonly output?: string;
  readonly stateDir?: string;
  readonly log?: string;
  readonly path?: string;
}

/**
 * How the script reaches the host, and whether the file is a program. Listed here, because the module that generates scripts is
 * loaded only when needed.
 */
const FORMATS: Readonly<Record<ScriptFormat, { readonly isExecutable: boolean }>> = {
  sh: { isExecutable: true },
  'cloud-init': { isExecutable: false },
  'rc.local': { isExecutable: true },
};

export function addScript(program: Command, act: Act): void {
  const script = program
    .command('script')
    .argument('<plan>', `${PLAN_ARGUMENT}; its target is not needed`)
    .addOption(
      new Option('-f, --format <format>', 'how it reaches the host')
        .choices(Object.keys(FORMATS))
        .default('sh'),
    )
    .option('-o, --output <file>', 'the file to write; default: standard output')
    .option('--state-dir <host-path>', "on the host; default: /var/lib/chandler, or in the user's home")
    .option(
      '--log <host-path>',
      'on the host; default: /var/log/chandler-provision.log, or in the state directory',
    )
    .option('--path <host-path>', 'of the script on the host; default: /usr/local/bin/chandler-provision.sh')
    .action(act(writeScript));
  describe(withValueOptions(script), {
    group: 'Plans:',
    summary: 'generate a script with which a host provisions itself',
    about: `Generates one file in POSIX sh that does the work of the plan on a host that no worker reaches at its boot. Started again, it continues where it was; \`up\` with the same plan takes over from it without repeating anything; \`watch-host\` follows it.

On the host it exits with 0 once the host is provisioned, 1 if something failed, 75 if another instance or a run is at work; its arguments \`status\` and \`stop\` show its state and end it. A plan with secrets is refused, because secrets need a worker.`,
    examples: {
      'chandler script web.yaml -o chandler-provision.sh': 'For the root file system of an image.',
      'chandler script web.yaml -f cloud-init -o user-data': "For a cloud's user-data.",
      'chandler script preset:docker | ssh root@10.0.0.7 sh': 'Run it on a host now.',
    },
    exits: { failed: 'the file could not be written', usage: 'the plan is bad, or needs a worker' },
    seeAlso: ['watch-host', 'validate', 'up'],
  });
}

async function writeScript(
  context: CliContext,
  file: string,
  { format, output, stateDir, set, envFile, ...places }: ScriptCommandOptions,
): Promise<number> {
  const [{ loadPlan }, { presetName }, { formatScript, presets, script }] = await Promise.all([
    import('../input/plan-file.ts'),
    import('../input/read-files.ts'),
    import('../../library/index.ts'),
  ]);
  // A script is the same for every host, so a placeholder passes the validation.
  const target = ['host=localhost'];
  const { steps, name, env, zmx, bootstrap, sentinel, onStepFailure, keepSessions } = await loadPlan(
    file,
    definedOnly({ target, set, envFile }),
    context,
  );
  const known = presets.paths(presetName(file) ?? '');
  const { log = known.log, path = known.provisionScript } = places;
  const made = script(
    steps,
    definedOnly({ name, env, zmx, bootstrap, sentinel, onStepFailure, keepSessions, stateDir, log }),
  );
  const text = formatScript(made, format, path);
  if (output === undefined) {
    context.stdout.write(text);
    return 0;
  }
  try {
    await writeFile(output, text);
    if (FORMATS[format].isExecutable) await chmod(output, 0o755);
  } catch (error) {
    throw new CliError(exitCodes.failed, `cannot write ${output}: ${(error as Error).message}`, {
      cause: error,
    });
  }
  return 0;
}
