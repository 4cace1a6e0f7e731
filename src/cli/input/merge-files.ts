import { isRecord, recordOf } from '../../domain/is-record.ts';
import type { Problem } from '../../domain/plan/problems.ts';
import type { YamlText } from './parse-yaml.ts';

/** A file of a plan: the plan itself, or a file that it includes. */
export interface PlanFile {
  /** The names of the files that lead to this one, from the plan; the last is its own. */
  readonly chain: readonly string[];
  readonly yaml: YamlText;
}

/** Where a part of a merged plan was read. */
export interface Origin {
  readonly file: PlanFile;
  /** The path inside of that file. */
  readonly path: string;
}

/** A plan whose includes are resolved. It may have any shape. */
export interface MergedPlan {
  readonly value: unknown;
  readonly originOf: (path: string) => Origin;
  /** Step names that occur in several files. Their paths refer to `value`. */
  readonly problems: readonly Problem[];
}

/** Merges the files of a plan, in the order of their steps: a file comes after those that it includes, and wins over them. */
export function mergeFiles(files: readonly PlanFile[]): MergedPlan {
  const plan = files.at(-1)!;
  const { value } = plan.yaml;
  const origins = new Map<string, Origin>();
  const listOf = (key: 'steps' | 'required') => {
    const items: unknown[] = [];
    for (const file of files) {
      const list = recordOf(file.yaml.value)[key];
      for (const [i, item] of (Array.isArray(list) ? (list as unknown[]) : []).entries())
        origins.set(`${key}[${items.push(item) - 1}]`, { file, path: `${key}[${i}]` });
    }
    return items;
  };
  const env = files.reduce<Readonly<Record<string, unknown>>>((below, file) => {
    const own = recordOf(recordOf(file.yaml.value)['env']);
    for (const name of Object.keys(own)) origins.set(`env.${name}`, { file, path: `env.${name}` });
    return { ...below, ...own };
  }, {});
  const merged = { env, required: listOf('required'), steps: listOf('steps') };
  return {
    value: isRecord(value) ? withMerged(value, merged, files.length > 1) : value,
    originOf(path) {
      const [, head = path, rest = ''] = /^((?:steps|required)\[\d+\])(.*)$/s.exec(path) ?? [];
      const origin = origins.get(head);
      return origin ? { file: origin.file, path: origin.path + rest } : { file: plan, path };
    },
    problems: files.length === 1 ? [] : sharedNames(merged.steps, origins),
  };
}

/** Keeps what has another shape in the plan itself, so that the validation reports it. */
function withMerged(
  { include, ...plan }: Readonly<Record<string, unknown>>,
  merged: Readonly<Record<string, object>>,
  isResolved: boolean,
): object {
  const replaced = Object.entries(merged).filter(([key, value]) => {
    const own = plan[key];
    if (own === undefined) return Object.keys(value).length > 0;
    return Array.isArray(value) ? Array.isArray(own) : isRecord(own);
  });
  return {
    ...plan,
    ...(!isResolved && include !== undefined && { include }),
    ...Object.fromEntries(replaced),
  };
}

function sharedNames(steps: readonly unknown[], origins: ReadonlyMap<string, Origin>): Problem[] {
  const first = new Map<unknown, Origin>();
  return steps.flatMap((step, i) => {
    const { name } = recordOf(step);
    const origin = origins.get(`steps[${i}]`)!;
    const earlier = first.get(name);
    if (typeof name !== 'string' || !earlier) {
      first.set(name, origin);
      return [];
    }
    const where =
      earlier.file === origin.file
        ? earlier.path
        : `${earlier.path} in ${renderChain(earlier.file)}; this one is in ${renderChain(origin.file)}`;
    return [{ path: `steps[${i}].name`, message: `"${name}" is already the name of ${where}` }];
  });
}

/** `web.yaml → common.yaml` */
export function renderChain({ chain }: Pick<PlanFile, 'chain'>): string {
  return chain.join(' → ');
}
