import type { FailureCode } from '../domain/run/failure.ts';

const CODES: readonly (readonly [RegExp, FailureCode])[] = [
  [/No space left|Disk quota exceeded|File too large/, 'disk-full'],
  [/Read-only file system|Permission denied|Operation not permitted/, 'state-directory-unwritable'],
];

/** The failure code for an error text of the host's operating system. `explain` in common.sh decides the same on the host. */
export function codeOfText(text: string): FailureCode | undefined {
  return CODES.find(([pattern]) => pattern.test(text))?.[1];
}
