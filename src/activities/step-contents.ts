import { isFileVariable, workerFileOf } from '../domain/plan/files.ts';
import type { ResolvedStep } from '../domain/plan/resolve-plan.ts';
import { checkWorkerFile, deliveredFiles, type DeliveredFile } from '../host/placed-files.ts';
import type { ActivityDeps } from './activity-deps.ts';

export interface StepContents {
  /** Secrets of the scripts, by variable. */
  readonly secrets: Readonly<Record<string, string>>;
  /** Everything that is masked in the output of the step. */
  readonly masked: readonly string[];
  readonly files: readonly DeliveredFile[];
}

/**
 * Resolves the references of a step. Without `files` in the step, the secrets in its files are only masked.
 *
 * @throws ChandlerError secret-unavailable, file-unavailable
 */
export async function resolveContents(
  deps: Pick<ActivityDeps, 'resolveSecrets' | 'readFile'>,
  step: Pick<ResolvedStep, 'files' | 'env' | 'secrets'>,
): Promise<StepContents> {
  const all = await deps.resolveSecrets(step.secrets);
  const secrets = Object.fromEntries(Object.entries(all).filter(([name]) => !isFileVariable(name)));
  const workerFiles = await readWorkerFiles(deps, step);
  return { secrets, masked: Object.values(all), files: deliveredFiles(step, { secrets: all, workerFiles }) };
}

async function readWorkerFiles(
  { readFile }: Pick<ActivityDeps, 'readFile'>,
  { files = [], env, secrets }: Pick<ResolvedStep, 'files' | 'env' | 'secrets'>,
): Promise<Map<string, Uint8Array>> {
  const declared = { ...env, ...secrets };
  const read = new Map<string, Uint8Array>();
  let before = 0;
  for (const file of files) {
    const name = workerFileOf(file);
    if (name === undefined) continue;
    const content = read.get(name) ?? (await readFile(name));
    checkWorkerFile(file, content, { before, declared });
    read.set(name, content);
    before += content.length;
  }
  return read;
}
