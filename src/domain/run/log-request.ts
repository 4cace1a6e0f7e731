import { isRecord, recordOf } from '../is-record.ts';

/**
 * The longest piece of a log. As JSON it is at worst six times as long, which is below the server's limit of 2 MB for a payload.
 */
export const MAX_LOG_PAGE_BYTES = 256 * 1024;
/** In seconds. New output usually comes within minutes; otherwise the reader asks again. */
const MAX_FOLLOW_S = 3600;

/**
 * Why a value is not a request for a piece of a log; undefined if it is one. The target must be checked separately. Never throws.
 */
export function refuseLogRequest(input: unknown): string | undefined {
  const { host, launch, offset, start, maxBytes, followS, secrets } = recordOf(input);
  const { facts } = recordOf(host);
  const { stateDir, zmxDir } = recordOf(facts);
  if (!isPath(stateDir) || !isPath(zmxDir))
    return 'host.facts must name stateDir and zmxDir by absolute paths';
  const { id, step, kind, attempt } = recordOf(launch);
  if (typeof id !== 'string' || !/^[0-9a-f]{20}$/.test(id)) return 'launch.id must be 20 hex digits';
  if (typeof step !== 'string') return 'launch.step must be text';
  if (kind !== 'step' && kind !== 'finalizer') return 'launch.kind must be step or finalizer';
  if (!isWhole(attempt, 1, Number.MAX_SAFE_INTEGER)) return 'launch.attempt must be 1 or more';
  // A negative offset counts from the end.
  if (!isWhole(offset, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER))
    return 'offset must be a whole number';
  if (!isWhole(maxBytes, 1, MAX_LOG_PAGE_BYTES)) return `maxBytes must be 1 to ${MAX_LOG_PAGE_BYTES}`;
  if (typeof followS !== 'number' || !(followS >= 0 && followS <= MAX_FOLLOW_S))
    return `followS must be 0 to ${MAX_FOLLOW_S}`;
  if (start !== undefined && !(isRecord(start) && Object.values(start).every(Number.isFinite)))
    return 'start must hold numbers: sinceS or tailLines';
  if (!isRecord(secrets) || !Object.values(secrets).every((reference) => typeof reference === 'string'))
    return 'secrets must map names to references';
  return undefined;
}

function isPath(value: unknown): boolean {
  return typeof value === 'string' && value.startsWith('/') && !value.includes('\0');
}

function isWhole(value: unknown, least: number, most: number): boolean {
  return Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most;
}
