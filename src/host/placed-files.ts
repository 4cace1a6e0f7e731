import { isUtf8 } from 'node:buffer';
import {
  expandProblem,
  expandText,
  fileVariable,
  isFileVariable,
  workerFileOf,
} from '../domain/plan/files.ts';
import { limits } from '../domain/plan/limits.ts';
import type { ResolvedFile, ResolvedStep } from '../domain/plan/resolve-plan.ts';
import type { StepFile } from '../domain/plan/schema.ts';
import { ChandlerError } from '../domain/run/failure.ts';
import { sha256Of } from './sha256.ts';

/** A file as it must be on the host. */
export interface PlacedFile {
  /** Absolute. */
  readonly path: string;
  /** Four octal digits. */
  readonly mode: string;
  /** `USER` or `USER:GROUP`, names or numbers; missing: the user of the step. */
  readonly owner?: string;
  /** Of its content, 64 hex digits. */
  readonly sha256: string;
}

/** A file and where its content comes from: the launch has it, or a variable of the launch, or the host fetches it. */
export type DeliveredFile = PlacedFile &
  (
    | { readonly content: Uint8Array }
    | { readonly variable: string; readonly value: string }
    | { readonly url: string }
  );

/** What the worker knows for the files of a step. */
export interface FileContents {
  /** The values of the step's secrets, by variable. */
  readonly secrets: Readonly<Record<string, string>>;
  /** The content of files of the worker, by name. */
  readonly workerFiles: ReadonlyMap<string, Uint8Array>;
}

/** In bytes: what a variable can hold, and can be masked in all its forms. */
const MAX_SECRET_BYTES = 64 * 1024;

/**
 * Returns the files of a step as they must be on its host; none for a step without files.
 *
 * @throws ChandlerError secret-unavailable for too long a secret
 */
export function deliveredFiles(
  { files = [], env, secrets: references }: Pick<ResolvedStep, 'files' | 'env' | 'secrets'>,
  { secrets, workerFiles }: FileContents,
): DeliveredFile[] {
  const ownSecrets = Object.keys(references).filter((name) => !isFileVariable(name));
  return files.map((file, i) => {
    const { path, mode, owner, url, sha256 = '' } = file;
    const about = { path, mode, ...(owner !== undefined && { owner }) };
    if (url !== undefined) return { ...about, sha256, url };
    const variable = fileVariable(i);
    if (file.secret !== undefined) return secretFile(about, variable, secrets[variable] ?? '');
    const content = contentOf(file, workerFiles);
    if (!file.expand) return { ...about, sha256: sha256Of(content), content };
    const text = Buffer.from(content).toString('utf8');
    const expanded = expandText(text, { ...env, ...secrets }, () => undefined);
    // A text with a secret is one.
    return ownSecrets.some((name) => text.includes(`\${${name}}`))
      ? secretFile(about, variable, expanded)
      : { ...about, sha256: sha256Of(expanded), content: Buffer.from(expanded) };
  });
}

/** The variables of a launch that hold contents of its files. */
export function fileVariables(files: readonly DeliveredFile[]): Record<string, string> {
  return Object.fromEntries(
    files.flatMap((file) => ('variable' in file ? [[file.variable, file.value]] : [])),
  );
}

function secretFile(about: Omit<PlacedFile, 'sha256'>, variable: string, value: string): DeliveredFile {
  const size = Buffer.byteLength(value);
  if (size > MAX_SECRET_BYTES)
    throw new ChandlerError(
      'secret-unavailable',
      `${about.path} has a secret and ${size} bytes; at most ${MAX_SECRET_BYTES} are allowed`,
    );
  return { ...about, sha256: sha256Of(value), variable, value };
}

function contentOf(file: ResolvedFile, workerFiles: FileContents['workerFiles']): Uint8Array {
  const { content = '', encoding } = file;
  const name = workerFileOf(file);
  if (name === undefined) return Buffer.from(content, encoding ?? 'utf8');
  const found = workerFiles.get(name);
  if (!found) throw new TypeError(`worker:${name} was not read`);
  return found;
}

/**
 * Checks that a file of the worker is what a step expects. `before`: how many bytes of other files of the worker the step has;
 * `declared`: its variables and secrets.
 *
 * @throws ChandlerError file-unavailable
 */
export function checkWorkerFile(
  { from = '', sha256, expand = false }: StepFile,
  content: Uint8Array,
  { before, declared }: { readonly before: number; readonly declared: Readonly<Record<string, unknown>> },
): void {
  const refuse = (reason: string, advice: string) =>
    new ChandlerError('file-unavailable', `${from} ${reason}`, { facts: { advice } });
  const actual = sha256Of(content);
  if (sha256 !== undefined && actual !== sha256)
    throw refuse(
      `has the sha256 ${actual}, expected ${sha256}`,
      'Restore the file in CHANDLER_FILES_DIR, or start another run for what it is now.',
    );
  if (before + content.length > limits.workerFileBytes)
    throw refuse(
      `is too large: the files that a step gets from the worker may have ${limits.workerFileBytes} bytes together`,
      'Let the host fetch large files: give a url with its sha256.',
    );
  const reason = expand ? whyNotExpandable(content, declared) : undefined;
  if (reason !== undefined) throw refuse(`cannot be expanded: ${reason}`, 'Correct the file, or the plan.');
}

function whyNotExpandable(
  content: Uint8Array,
  declared: Readonly<Record<string, unknown>>,
): string | undefined {
  return isUtf8(content)
    ? expandProblem(Buffer.from(content).toString('utf8'), declared)
    : 'it is not UTF-8 text';
}
