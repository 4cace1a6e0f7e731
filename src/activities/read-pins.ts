import { workerFileOf, type FilePins } from '../domain/plan/files.ts';
import type { Plan } from '../domain/plan/schema.ts';
import { checkWorkerFile } from '../host/placed-files.ts';
import { sha256Of } from '../host/sha256.ts';
import type { ActivityDeps } from './activity-deps.ts';
import type { Lack } from './activity-types.ts';
import { lackOf } from './find-lacks.ts';

/** Finds out what the files of the worker are now that a plan names, and which of them cannot be used. */
export async function readPins(
  deps: Pick<ActivityDeps, 'readFile'>,
  plan: Pick<Plan, 'steps' | 'env'> | undefined,
): Promise<{ pins?: FilePins; lacks: Lack[] }> {
  const pins: Record<string, string> = {};
  const lacks: Lack[] = [];
  for (const [i, { name: step, files = [], env, secrets }] of (plan?.steps ?? []).entries()) {
    let before = 0;
    for (const [j, file] of files.entries()) {
      const name = workerFileOf(file);
      if (name === undefined) continue;
      const find = async () => {
        const content = await deps.readFile(name);
        checkWorkerFile(file, content, { before, declared: { ...plan?.env, ...env, ...secrets } });
        before += content.length;
        pins[name] = sha256Of(content);
      };
      lacks.push(...(await lackOf({ path: `steps[${i}].files[${j}].from`, step }, find)));
    }
  }
  return { lacks, ...(Object.keys(pins).length > 0 && { pins }) };
}
