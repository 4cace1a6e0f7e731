import type { Command } from 'commander';
import { formatProblems } from '../../domain/problems.ts';
import type { Target } from '../../domain/schema.ts';
import { validateWatch } from '../../domain/validate.ts';
import { print, type CliContext } from '../context.ts';
import { examine, type ExamineOptions } from '../doctor/examine.ts';
import { countFindings, toJson, type Section } from '../doctor/report.ts';
import { CliError } from '../errors.ts';
import { exitCodes, type ExitCode } from '../exit-codes.ts';
import { renderFindings } from '../render/findings.ts';
import { colored, plain } from '../render/paint.ts';
import { readTarget } from '../target-option.ts';
import { type Act, withEngineOptions, withTargetOption } from './act.ts';

interface DoctorOptions extends ExamineOptions {
  readonly target?: readonly string[];
  readonly json?: boolean;
}

const HELP = `
Looks at the server, its namespace and search attributes, who polls the task queue, and what a worker has to log in with:
its keys, agent, known_hosts files and secrets. With a target, also at that host, end to end and through a worker, which
changes nothing there. Each finding says what it means and how to mend it.

--fix creates search attributes that are missing, and takes private keys on this machine away from group and others. It
says what it did, and does nothing else.

--json prints {problems, warnings, findings: [{about, name, id, looked, verdict, says, mend?, fixed?}]}; about is here,
server, worker or host, verdict is ok, warning, problem or skipped.

Exit code 0: no problem (warnings are none); 1: problems; 2: wrong usage; 5: no Temporal server answers.

Examples:
  chandler doctor
  chandler doctor root@web1.example.org --fix
  chandler doctor --target host=10.0.0.7 --target user=app --target become=sudo --json`;

export function addDoctor(program: Command, act: Act): void {
  withEngineOptions(withTargetOption(program.command('doctor')))
    .description('look at everything that a run needs, and say how to mend what is wrong')
    .argument('[target]', '[USER@]HOST[:PORT] of a host to look at, too')
    .option('--fix', 'mend what can be mended safely')
    .option('--json', 'as JSON')
    .addHelpText('after', HELP)
    .action(
      act((context, target: string | undefined, options: DoctorOptions) =>
        runDoctor(context, target, options),
      ),
    );
}

async function runDoctor(
  context: CliContext,
  where: string | undefined,
  options: DoctorOptions,
): Promise<number> {
  const target = parseTarget([...(where === undefined ? [] : [where]), ...(options.target ?? [])]);
  const { sections, unreachable } = await examine(context, target, options);
  if (options.json) print(context, JSON.stringify(toJson(sections), null, 2));
  else print(context, ...renderFindings(sections, context.color ? colored : plain));
  return exitCodeOf(sections, unreachable);
}

/** @throws CliError usage */
function parseTarget(words: readonly string[]): Target | undefined {
  if (words.length === 0) return undefined;
  const target = readTarget(words) as Target;
  const { problems } = validateWatch({ target });
  if (problems) throw new CliError(exitCodes.usage, formatProblems(problems));
  return target;
}

function exitCodeOf(sections: readonly Section[], unreachable: boolean): ExitCode {
  if (unreachable) return exitCodes.unreachable;
  return countFindings(sections).problems > 0 ? exitCodes.failed : exitCodes.provisioned;
}
