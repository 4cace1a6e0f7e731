import { isRecord, recordOf } from '../is-record.ts';
import { count } from '../text/count.ts';
import { oneLine } from '../text/plain-text.ts';
import { limits } from './limits.ts';
import type { Problem } from './problems.ts';
import type { Plan, StepFile } from './schema.ts';
import { bytes } from './schema-texts.ts';

/** The key under which a file's content stands in a plan. */
const SOURCES = ['content', 'secret', 'from', 'url'] as const;

const WORKER = 'worker:';
const FILE_VARIABLE = 'CHANDLER_FILE_';

/** The sha256 of files of the worker, by name. */
export type FilePins = Readonly<Record<string, string>>;

/** The name below the worker's CHANDLER_FILES_DIR; undefined for a file that comes from elsewhere. */
export function workerFileOf({ from }: Pick<StepFile, 'from'>): string | undefined {
  return from?.startsWith(WORKER) ? from.slice(WORKER.length) : undefined;
}

/** The variable in which the launch gets the content of a secret file; reserved names, so no plan has them. */
export function fileVariable(index: number): string {
  return `${FILE_VARIABLE}${index}`;
}

/** Whether a variable holds the content of a secret file, which is not for scripts. */
export function isFileVariable(name: string): boolean {
  return name.startsWith(FILE_VARIABLE);
}

/** The references of the secret files of a step, by variable. */
export function fileSecrets(files: readonly StepFile[] = []): Record<string, string> {
  const secret = files.map((file, i) => (file.secret === undefined ? [] : [[fileVariable(i), file.secret]]));
  return Object.fromEntries(secret.flat()) as Record<string, string>;
}

/** Puts into a plan what the files of the worker are now, so that a changed file makes it another plan. */
export function pinFiles<T extends Pick<Plan, 'steps'>>(plan: T, pins: FilePins = {}): T {
  if (Object.keys(pins).length === 0) return plan;
  const pinned = (file: StepFile): StepFile => {
    const sha256 = pins[workerFileOf(file) ?? ''];
    return sha256 === undefined ? file : { ...file, sha256 };
  };
  const steps = plan.steps.map((step) => (step.files ? { ...step, files: step.files.map(pinned) } : step));
  return { ...plan, steps };
}

/** The files of the worker, `worker:NAME`, that only {@link pinFiles} makes a part of the plan's digest. */
export function unpinnedFiles({ steps }: Pick<Plan, 'steps'>): string[] {
  const files = steps.flatMap((step) => step.files ?? []);
  const names = files.flatMap((file) =>
    file.sha256 === undefined && workerFileOf(file) !== undefined ? [file.from ?? ''] : [],
  );
  return [...new Set(names)];
}

/** What counts as the same file in a digest: where its content comes from does not, if a checksum is known. */
export function fileDigestOf(file: StepFile): unknown[] {
  const { path, mode, owner = null, content, encoding, secret, from, sha256, expand = false } = file;
  return [path, mode ?? null, owner, expand, sha256 ?? [content ?? secret ?? from ?? null, encoding ?? null]];
}

/**
 * Replaces each `${NAME}` by its value. Everything else is literal: `$NAME`, `$$`, `$(…)`, `${NAME:-x}`.
 *
 * @param onUnknown called for each name without a value; the text keeps it
 */
export function expandText(
  text: string,
  values: Readonly<Record<string, string>>,
  onUnknown: (name: string, line: number) => void,
): string {
  return text.replaceAll(/\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g, (whole, name: string, at: number) => {
    const value = Object.hasOwn(values, name) ? values[name] : undefined;
    if (value === undefined) onUnknown(name, text.slice(0, at).split('\n').length);
    return value ?? whole;
  });
}

/** Why a text cannot be expanded with these variables; undefined if it can. */
export function expandProblem(text: string, declared: Readonly<Record<string, unknown>>): string | undefined {
  const values = Object.fromEntries(Object.keys(declared).map((name) => [name, '']));
  const unknown: string[] = [];
  expandText(text, values, (name, line) => unknown.push(`line ${line}: \${${name}}`));
  if (unknown.length === 0) return undefined;
  const more = unknown.length > 1 ? `, and ${unknown.length - 1} more` : '';
  return `${unknown[0]}${more}: the step has no such variable or secret; declare it in env`;
}

/** Finds problems with the files of a plan of any shape, beyond those of each key. */
export function fileProblems(plan: unknown): Problem[] {
  const { env, steps } = recordOf(plan);
  const list: readonly unknown[] = Array.isArray(steps) ? steps.slice(0, limits.steps) : [];
  const places = new Map<string, string>();
  let room: number = limits.fileBytes;
  const problems = list.flatMap((step, i): Problem[] => {
    const { files, script, secrets, env: own } = recordOf(step);
    const at = `steps[${i}]`;
    const hasFiles = Array.isArray(files) && files.length > 0;
    // The schema reports steps and lists of files of another shape.
    if (!hasFiles)
      return isRecord(step) && script === undefined && (files === undefined || Array.isArray(files))
        ? [{ path: `${at}.script`, message: 'is missing' }]
        : [];
    const declared = { ...recordOf(env), ...recordOf(secrets), ...recordOf(own) };
    return files.slice(0, limits.files).flatMap((each: unknown, j) => {
      const path = `${at}.files[${j}]`;
      const file = recordOf(each);
      const problems = [...keyProblems(file), ...expandProblems(file, declared)];
      const size = contentBytes(file);
      // Only the first file that exceeds the limit is reported.
      if (room >= 0 && (room -= size) < 0)
        problems.push({
          path: 'content',
          message: `the contents of the files are ${count(limits.fileBytes - room, 'byte')} or more together; at most ${limits.fileBytes} are allowed: ${LARGE_FILES}`,
        });
      const place = String(file['path']);
      const earlier = places.get(place);
      if (earlier !== undefined) problems.push({ path: 'path', message: `is already placed by ${earlier}` });
      else places.set(place, path);
      return problems.map((problem) => ({
        ...problem,
        path: problem.path === '' ? path : `${path}.${problem.path}`,
      }));
    });
  });
  return [...problems, ...nestingProblems(places)];
}

/** Finds files at paths that lead through another file. `places`: which file is placed at each path. */
function nestingProblems(places: ReadonlyMap<string, string>): Problem[] {
  // Sorted so that the paths below a path follow it at once.
  const sorted = [...places].sort(([a], [b]) => (sortKey(a) < sortKey(b) ? -1 : 1));
  let above: readonly [place: string, path: string] | undefined;
  return sorted.flatMap(([place, path]): Problem[] => {
    if (above && place.startsWith(`${above[0]}/`))
      return [
        { path: `${path}.path`, message: `is below ${oneLine(above[0])}, where ${above[1]} places a file` },
      ];
    above = [place, path];
    return [];
  });
}

/** Orders a path directly before the paths below it. */
function sortKey(path: string): string {
  return path.replaceAll('/', '\0');
}

/** What to do with a file that is too large for a plan. */
export const LARGE_FILES =
  "put a large file into the worker's CHANDLER_FILES_DIR and name it with from: worker:NAME, or give a url with its sha256";

function keyProblems(file: Readonly<Record<string, unknown>>): Problem[] {
  const given = SOURCES.filter((key) => file[key] !== undefined);
  if (given.length !== 1) {
    const found = given.length === 0 ? 'none' : given.join(' and ');
    return [{ path: '', message: `must have one of ${SOURCES.join(', ')}; it has ${found}` }];
  }
  const [source] = given;
  const problems: Problem[] = [];
  const { content, encoding, from, sha256 } = file;
  if (encoding !== undefined && source !== 'content')
    problems.push({ path: 'encoding', message: 'is for content only' });
  if (encoding === 'base64' && typeof content === 'string' && !isBase64(content))
    problems.push({ path: 'content', message: 'is not base64' });
  if (source === 'url' && sha256 === undefined)
    problems.push({ path: 'sha256', message: 'is missing: a url needs the checksum of what it leads to' });
  if (sha256 !== undefined && (source === 'content' || source === 'secret'))
    problems.push({ path: 'sha256', message: 'is for url and from: worker:NAME only' });
  const reason = typeof from === 'string' ? fromProblem(from) : undefined;
  if (reason !== undefined) problems.push({ path: 'from', message: reason });
  return problems;
}

function fromProblem(from: string): string | undefined {
  const name = workerFileOf({ from });
  if (name === undefined)
    return 'only the command line reads files beside a plan: start the plan with `chandler up` or `chandler start`, give the content, or name a file of the worker with worker:NAME';
  if (name === '' || name.startsWith('/') || name.split('/').some((part) => ['', '.', '..'].includes(part)))
    return "must be worker:NAME, with the path of a file below the worker's CHANDLER_FILES_DIR";
  return undefined;
}

function expandProblems(file: Readonly<Record<string, unknown>>, declared: object): Problem[] {
  const { expand, content, encoding, url, secret } = file;
  if (expand !== true) return [];
  if (url !== undefined || secret !== undefined || encoding !== undefined)
    return [{ path: 'expand', message: 'is for text in content or in a file only' }];
  const message =
    typeof content === 'string' ? expandProblem(content, declared as Record<string, unknown>) : undefined;
  return message === undefined ? [] : [{ path: 'content', message }];
}

function contentBytes({ content, encoding }: Readonly<Record<string, unknown>>): number {
  if (typeof content !== 'string') return 0;
  return encoding === 'base64' ? Math.floor((content.replace(/=+$/, '').length * 3) / 4) : bytes(content);
}

function isBase64(text: string): boolean {
  return text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text);
}
