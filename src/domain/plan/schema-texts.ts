// The kinds of text in a plan, and how a key is described. The published schemas contain these patterns, so they use only what
// Python and Go also know: no lookahead, no \p.
/* oxlint-disable no-control-regex -- refuses control characters */
import * as z from 'zod';
import { DURATION_TEXT, isDuration } from '../text/duration.ts';
import { VARIABLE_NAME, variableNameProblem } from './variable-name.ts';

export const bytes = (text: string) => new TextEncoder().encode(text).length;
export const text = (maxBytes: number) =>
  z
    .string()
    .regex(/^[^\0]*$/, 'must not hold a NUL byte')
    .refine(
      (value) => !/\p{Cs}/u.test(value),
      'must not hold half of a surrogate pair, which is no character',
    )
    .refine((value) => bytes(value) <= maxBytes, {
      error: (issue) => `is ${bytes(String(issue.input))} bytes; at most ${maxBytes} are allowed`,
    });
export const line = text(4096)
  .min(1)
  .regex(/^[^\x00-\x1f\x7f-\x9f]*$/, 'must be one line, without control characters');
const DURATION = 'must be a duration such as 90s, 5m or 24h, or milliseconds; at least 1 ms, at most 365d';
export const duration = z
  .union(
    [
      z.number().int().positive().refine(isDuration, DURATION),
      z.string().regex(DURATION_TEXT, { error: DURATION, abort: true }).refine(isDuration, DURATION),
    ],
    {
      error: DURATION,
    },
  )
  .describe('A duration such as 90s, 5m or 24h; a number is milliseconds.');
export const absolutePath = line.regex(/^\//, 'must be an absolute path');
const variableError = (issue: { readonly input?: unknown }) => variableNameProblem(String(issue.input));
export const variable = z
  .string()
  .regex(VARIABLE_NAME, { error: variableError, abort: true })
  .refine((name) => variableNameProblem(name) === undefined, { error: variableError });
export const secretReference = z
  .string()
  .regex(/^(env|file):[A-Za-z0-9_][A-Za-z0-9_./-]*$/, 'must be env:NAME or file:NAME');
export const sha256Text = z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 lower-case hex digits');

/** A key that may be missing. `about` appears in the JSON Schema and in the docs. */
export const optional = <T extends z.ZodType>(schema: T, about: string) => schema.optional().describe(about);
