import { statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { stringify } from 'yaml';
import { recordOf } from '../../domain/is-record.ts';
import { messageOf } from '../../domain/run/failure.ts';
import type { PlacedProblem, Problem } from '../../domain/plan/problems.ts';
import { limits } from '../../domain/plan/limits.ts';
import { includeSchema } from '../../domain/plan/schema.ts';
import { validateIncluded } from '../../domain/plan/validate.ts';
import { presets } from '../../library/presets.ts';
import type { CliContext } from '../context.ts';
import { renderChain, type PlanFile } from './merge-files.ts';
import { parseYaml } from './parse-yaml.ts';
import { readAll } from './read-all.ts';

/** The files of a plan, each after those that it includes; or every problem of reading them. */
export type FilesRead =
  | { readonly files: readonly PlanFile[]; readonly problems?: never }
  | { readonly files?: never; readonly problems: readonly PlacedProblem[] };

/**
 * Reads a plan from a file, from standard input if the name is `-`, or a preset if it is `preset:NAME`; then the files that it
 * includes.
 *
 * @throws CliError usage if there is no such file; ChandlerError if there is no such preset
 */
export async function readFiles(name: string, context: Pick<CliContext, 'stdin'>): Promise<FilesRead> {
  const preset = presetName(name);
  const text = preset === undefined ? await readAll(name, context) : presetText(preset);
  const read: PlanFile[] = [];
  const problems: PlacedProblem[] = [];
  let included = 0;

  const addFile = async (text: string, chain: readonly string[]): Promise<void> => {
    const { file, problems: wrong } = parseFile(text, chain);
    if (!file) {
      problems.push(...wrong);
      return;
    }
    for (const [i, entry] of includesOf(file).entries()) {
      if (included > limits.includedFiles) return;
      included += 1;
      const shown = shownPath(file, entry);
      const next = await (included > limits.includedFiles ? TOO_MANY : readIncluded(file, entry, shown));
      if (typeof next === 'string') await addFile(next, [...chain, shown]);
      else problems.push(placeIn(file, { path: `include[${i}]`, message: next.refusal }));
    }
    read.push(file);
  };
  await addFile(text, [shownName(name)]);
  return problems.length === 0 ? { files: read } : { problems };
}

export function shownName(file: string): string {
  return file === '-' ? 'stdin' : file;
}

export function presetName(file: string): string | undefined {
  return /^preset:(.*)$/s.exec(file)?.[1];
}

function presetText(name: string): string {
  return stringify(presets.plan(name));
}

/** Parses a file. The plan itself, which begins the chain, is validated later, when its includes are resolved. */
function parseFile(
  text: string,
  chain: readonly string[],
): { file: PlanFile; problems?: never } | { file?: never; problems: PlacedProblem[] } {
  const { yaml, problems: syntax } = parseYaml(text);
  if (!yaml) return { problems: syntax.map((problem) => ({ ...problem, ...fileOf({ chain }) })) };
  const file: PlanFile = { chain, yaml };
  const { problems } = chain.length === 1 ? {} : validateIncluded(yaml.value);
  return problems ? { problems: problems.map((problem) => placeIn(file, problem)) } : { file };
}

/** The validation of the plan reports a list of another shape. */
function includesOf({ yaml }: PlanFile): readonly string[] {
  return includeSchema.safeParse(recordOf(yaml.value)['include']).data ?? [];
}

const TOO_MANY = { refusal: `a plan may include at most ${limits.includedFiles} files` };

/** Reads a file that another one includes, or returns why it can't be included. */
async function readIncluded(
  { chain }: PlanFile,
  entry: string,
  shown: string,
): Promise<string | { readonly refusal: string }> {
  if (chain.some((name) => resolve(name) === resolve(shown)))
    return { refusal: `is a cycle: ${renderChain({ chain: [...chain, shown] })}` };
  try {
    const preset = presetName(entry);
    if (preset !== undefined) return presetText(preset);
    const found = statSync(shown, { throwIfNoEntry: false });
    if (!found) return { refusal: `${shown}: no such file` };
    // A device or a pipe may never end.
    if (!found.isFile()) return { refusal: `${shown}: is not a regular file` };
    return await readFile(shown, 'utf8');
  } catch (error) {
    return { refusal: `${shown}: ${messageOf(error)}` };
  }
}

/** The path of an entry as people see it: relative to the current directory, like that of the file that includes it. */
export function shownPath({ chain }: Pick<PlanFile, 'chain'>, entry: string): string {
  return presetName(entry) !== undefined || isAbsolute(entry) ? entry : join(dirname(chain.at(-1)!), entry);
}

/** Adds file and line to a problem at a path of this file. */
export function placeIn(file: PlanFile, { path, message }: Problem): PlacedProblem {
  const { line } = file.yaml.placeOf(path);
  return { path, message, ...(line !== undefined && { line }), ...fileOf(file) };
}

/** Only problems in included files name their file. */
function fileOf({ chain }: Pick<PlanFile, 'chain'>): { file?: string } {
  return chain.length > 1 ? { file: chain.at(-1)! } : {};
}
