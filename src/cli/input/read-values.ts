import type { PlacedProblem } from '../../domain/plan/problems.ts';
import { valueProblem } from '../../domain/plan/values.ts';
import { oneLine } from '../../domain/text/plain-text.ts';
import { boundedText } from '../../domain/text/bounded-text.ts';
import type { CliContext } from '../context.ts';
import { parseEnvFile } from './env-file.ts';
import { readAll } from './read-all.ts';

/** The options of a command that reads a plan, as the command line has them. */
export interface ValueOptions {
  /** `NAME=VALUE` */
  readonly set?: readonly string[];
  /** Paths. */
  readonly envFile?: readonly string[];
}

/** A variable from the command line, and the place that a problem with it names. */
export interface GivenValue {
  readonly name: string;
  readonly value: string;
  readonly place: Omit<PlacedProblem, 'message'>;
}

/** The values from the weakest to the strongest, and every problem with them. */
export interface ValuesRead {
  readonly given: readonly GivenValue[];
  readonly problems: readonly PlacedProblem[];
}

/** Reads the values of `--env-file`, then those of `--set`. @throws CliError usage if there is no such file */
export async function readValues(
  { set = [], envFile = [] }: ValueOptions,
  context: Pick<CliContext, 'stdin'>,
): Promise<ValuesRead> {
  const given: GivenValue[] = [];
  const problems: PlacedProblem[] = [];
  const add = (value: GivenValue) => {
    const message = valueProblem(value.name, value.value);
    if (message === undefined) given.push(value);
    else problems.push({ ...value.place, message });
  };
  for (const file of envFile) {
    // Standard input may have the plan.
    const text = await readAll(file === '-' ? './-' : file, context, file);
    for (const { line, ...entry } of parseEnvFile(text)) {
      if (entry.problem !== undefined) problems.push({ path: '', message: entry.problem, line, file });
      else add({ ...entry, place: { path: shown(entry.name), line, file } });
    }
  }
  for (const text of set) {
    const [, name, value = ''] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
    if (name === undefined) problems.push({ path: `--set ${shown(text)}`, message: 'must be NAME=VALUE' });
    else add({ name, value, place: { path: `--set ${shown(name)}` } });
  }
  return { given, problems };
}

/** In characters: enough to recognize a name. */
const MAX_SHOWN_LENGTH = 60;

function shown(text: string): string {
  return boundedText(oneLine(text), MAX_SHOWN_LENGTH);
}
