import { isUtf8 } from 'node:buffer';
import { realpathSync, statSync } from 'node:fs';
import { definedOnly } from '../../domain/defined-only.ts';
import { LARGE_FILES, workerFileOf } from '../../domain/plan/files.ts';
import { limits } from '../../domain/plan/limits.ts';
import type { Problem } from '../../domain/plan/problems.ts';
import { isRecord, recordOf } from '../../domain/is-record.ts';
import { messageOf } from '../../domain/run/failure.ts';
import { readRegularFile } from '../../config/read-regular-file.ts';
import type { MergedPlan } from './merge-files.ts';
import { shownPath } from './read-files.ts';

/**
 * Replaces `from` in the files of steps by the content of that file. Paths are relative to the file that names them; files of the
 * worker stay. What cannot be read is a problem.
 */
export async function inlineFiles(merged: MergedPlan): Promise<MergedPlan> {
  const { value, originOf } = merged;
  const { steps } = recordOf(value);
  if (!isRecord(value) || !Array.isArray(steps)) return merged;
  const problems: Problem[] = [];
  const room = { bytes: limits.fileBytes };
  const inlined: unknown[] = [];
  for (const [i, step] of (steps as unknown[]).entries()) {
    const { files } = recordOf(step);
    if (!isRecord(step) || !Array.isArray(files)) {
      inlined.push(step);
      continue;
    }
    const read: unknown[] = [];
    for (const [j, file] of (files as unknown[]).entries()) {
      const path = `steps[${i}].files[${j}].from`;
      const { from, content, secret, url } = recordOf(file);
      // Validation reports a file with several sources.
      const isOnly = [content, secret, url].every((other) => other === undefined);
      if (!isRecord(file) || !isLocal(from) || !isOnly || j >= limits.files) read.push(file);
      else {
        const found = await readContent(shownPath(originOf(path).file, from), file, room);
        if (typeof found === 'string') problems.push({ path, message: found });
        read.push(typeof found === 'string' ? file : found);
      }
    }
    inlined.push({ ...step, files: read });
  }
  return { ...merged, value: { ...value, steps: inlined }, problems: [...merged.problems, ...problems] };
}

function isLocal(from: unknown): from is string {
  return typeof from === 'string' && from !== '' && workerFileOf({ from }) === undefined;
}

/** The file of a step with its content, or why it cannot have it. */
async function readContent(
  shown: string,
  file: Readonly<Record<string, unknown>>,
  room: { bytes: number },
): Promise<Record<string, unknown> | string> {
  try {
    const size = statSync(shown, { throwIfNoEntry: false })?.size;
    if (size === undefined)
      return `${shown}: no such file; write worker:NAME for a file in the worker's CHANDLER_FILES_DIR`;
    if (size > room.bytes)
      return `${shown} has ${size} bytes, and a plan has room for ${limits.fileBytes} bytes of files together: ${LARGE_FILES}`;
    const bytes = await readRegularFile(realpathSync(shown), room.bytes);
    room.bytes -= bytes.length;
    if (isUtf8(bytes) && !bytes.includes(0))
      return definedOnly({ ...file, from: undefined, content: bytes.toString('utf8') });
    if (file['expand'] === true) return `${shown} is not UTF-8 text, which expand needs`;
    return definedOnly({ ...file, from: undefined, content: bytes.toString('base64'), encoding: 'base64' });
  } catch (error) {
    return `${shown}: ${messageOf(error)}`;
  }
}
