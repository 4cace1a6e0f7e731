import { limits } from '../domain/plan/limits.ts';
import { NO_LAUNCH, type PartRecord, type RecordEntry } from '../domain/run/part-record.ts';
import type { Answer } from '../ssh/frames.ts';

/** In records, for a plan whose steps were often replaced. With all their needs they take half of what the server accepts. */
const MAX_RECORDS = 512;

/** The records of a plan's parts by their names: `step.packages`, `finalizer.packages`. */
export type RecordedParts = Readonly<Record<string, PartRecord>>;

/** The word for what is recorded besides the launch; empty for nothing. */
export function recordWord(record: RecordEntry | undefined): string {
  return record ? `${record.place} ${record.digest} ${record.needs.join(',')}` : '';
}

/** Reads the answers of `read_records` in the host program. Records that a step has damaged are left out. */
export function parseRecords(answers: readonly Answer[]): RecordedParts {
  const records = answers.flatMap((answer): [string, PartRecord][] => {
    const { record = '', launch = '', digest = '', needs: list = '', done } = answer;
    const needs = list === '' ? [] : list.split(',');
    const isValid =
      /^(step|finalizer)\.[A-Za-z0-9_.-]{1,40}$/.test(record) &&
      (launch === NO_LAUNCH || isHash(launch)) &&
      isHash(digest) &&
      needs.length <= limits.steps &&
      needs.every(isHash);
    return isValid ? [[record, { digest, launch, needs, isDone: done === 'yes' }]] : [];
  });
  return Object.fromEntries(records.slice(0, MAX_RECORDS));
}

function isHash(text: string): boolean {
  return /^[0-9a-f]{20}$/.test(text);
}
