import * as fc from 'fast-check';
import { ChandlerError } from '../../src/domain/run/failure.ts';
import type { Executor, Outcome } from '../../src/ssh/executor.ts';
import { BoundedOutput } from '../../src/ssh/bounded-output.ts';
import { asPrinted } from './frames.ts';

/** The output limit of one command, as in ssh/session.ts. Bytes. */
const MAX_OUTPUT_BYTES = 1024 * 1024;

/** Text with terminal sequences, table breakers, markup and imitated answers. */
export const nastyText = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        '\u001b[2J',
        '\u001b]0;owned\u0007',
        '\u009b31m',
        '\u202e',
        '\r',
        '\n',
        '\t',
        '\u2028',
        '|',
        '`',
        '``',
        '<img src=x onerror=y>',
        '[a](javascript:b)',
        '**',
        '\\',
        '\ufffd',
        'chandler: state=exited code=0 at=1 elapsed_ms=1 log_bytes=0',
      ),
      fc.string({ unit: 'binary', maxLength: 6 }),
    ),
    { maxLength: 8 },
  )
  .map((parts) => parts.join(''));

const base64 = (text: string) => Buffer.from(text).toString('base64');
const value = fc.oneof(
  fc.constantFrom('', '0', '00', '1', '-1', '-0', '+0', '0x0', '0e0', 'NaN', '1e999', '256', '9'.repeat(400)),
  fc.constantFrom('yes', 'no', 'ours', 'held', 'present', 'absent', '!!!', '===', 'AAA', base64('/s')),
  fc.constantFrom(
    'exited',
    'created',
    'running',
    'cancelled',
    'interrupted',
    'changed',
    'Exited',
    'exited\0',
  ),
  fc.constantFrom('step-failed', 'aborted', 'disk-full', 'no-such-code', 'constructor', '__proto__'),
  nastyText.map(base64),
  fc.string({ unit: 'binary', maxLength: 8 }),
);
const KEYS =
  'state code at elapsed_ms log_bytes boot progress last check killed found left log offset size lease holder released sentinel content pruned executable appeared refused text zmx version was_there pulled mismatch arch uid os state_dir zmx_dir writable has_bash present __proto__ constructor toString';
const word = fc
  .tuple(fc.constantFrom(...KEYS.split(' ')), fc.option(value))
  .map(([key, text]) => (text === null ? key : `${key}=${text}`));
/** Correct answers of the host programs, for distorting. */
const wellFormed = fc.constantFrom(
  'state=exited code=0 at=1 elapsed_ms=1 log_bytes=0',
  'state=exited code=3 at=1 elapsed_ms=1 log_bytes=0',
  'state=running log_bytes=5',
  'state=created',
  'state=absent',
  'progress log_bytes=5 tail=aGk=',
  'check code=0',
  'killed found=1 left=0',
  'log size=3 offset=0',
  'lease=ours',
  'released=yes',
  'sentinel=present content=',
  'pruned=0',
  'executable=yes',
  'appeared=yes',
);
const bent = fc
  .tuple(wellFormed, fc.nat(60), value)
  .map(([line, at, text]) => `${line.slice(0, at)}${text}${line.slice(at + text.length)}`);
const line = fc.oneof(
  wellFormed.map((text) => `chandler: ${text}`),
  bent.map((text) => `chandler: ${text}`),
  wellFormed.chain((text) => fc.nat(text.length).map((end) => `chandler: ${text.slice(0, end)}`)),
  nastyText.map((text) => `chandler: progress log_bytes=5 tail=${base64(text)}`),
  // A word that contradicts an earlier one.
  fc
    .tuple(
      wellFormed,
      fc.constantFrom('code=0', 'code=3', 'left=0', 'state=created', 'lease=held', 'offset=0'),
    )
    .map(([text, again]) => `chandler: ${text} ${again}`),
  fc.array(word, { maxLength: 6 }).map((words) => `chandler: ${words.join(' ')}`),
  fc.constantFrom('chandler:', 'Chandler: state=exited code=0', ' chandler: state=exited code=0 at=1'),
  nastyText,
);

/** Bytes that a host may send instead of an answer. */
export const hostileBytes = fc
  .tuple(fc.array(line, { maxLength: 8 }), fc.constantFrom('\n', '\r\n'), fc.uint8Array({ maxLength: 6 }))
  .map(([lines, end, junk]) => Buffer.concat([Buffer.from(lines.join(end)), junk]));

/** A host's answer to any command. */
export interface HostileAnswer {
  readonly stdout: Uint8Array;
  readonly stderr: Uint8Array;
  readonly end: { readonly code: number } | { readonly signal: string } | { readonly reason: string };
  /** Whether the program reports its end. Default: true. */
  readonly ends?: boolean;
}

/** Any answer that an {@link Executor} may return. */
export const hostileAnswer: fc.Arbitrary<HostileAnswer> = fc.record({
  stdout: hostileBytes,
  stderr: hostileBytes,
  end: fc.oneof(
    { weight: 6, arbitrary: fc.constant({ code: 0 }) },
    { weight: 2, arbitrary: fc.constantFrom(1, 2, 70, 127, 255, 256, -1).map((code) => ({ code })) },
    { weight: 1, arbitrary: nastyText.map((signal) => ({ signal })) },
    { weight: 1, arbitrary: nastyText.map((reason) => ({ reason })) },
  ),
  ends: fc.boolean(),
});

/** A host that gives every command the same answer, read with the limits of a real connection. */
export function answering({ stdout, stderr, end, ends = true }: HostileAnswer): Executor {
  return {
    async exec(command, options = {}): Promise<Outcome> {
      const printed = asPrinted(command, stdout, { ...('code' in end && { code: end.code }), ends });
      const [out, err] = [printed, stderr].map((bytes) => {
        const output = new BoundedOutput(options.maxOutputBytes ?? MAX_OUTPUT_BYTES);
        output.push(Buffer.from(bytes));
        return output.text();
      });
      options.onOutput?.(printed);
      if ('reason' in end) return { kind: 'lost', reason: end.reason, started: 'unknown' };
      const texts = { stdout: out ?? '', stderr: err ?? '' };
      return 'signal' in end
        ? { kind: 'signalled', signal: end.signal, ...texts }
        : { kind: 'exited', code: end.code, ...texts };
    },
  };
}

/** The last valid answer with a word `key`. A line that repeats a word is not valid. */
export function lastAnswer(stdout: Uint8Array, key: string): ReadonlyMap<string, string> | undefined {
  const lines = Buffer.from(stdout)
    .toString('utf8')
    .split('\n')
    .flatMap((text) => {
      if (!text.startsWith('chandler: ')) return [];
      const words = text
        .slice(10)
        .split(' ')
        .map((part) => part.split(/=(.*)/s, 2) as [string, string?]);
      const map = new Map(words.map(([name, held = '']) => [name, held]));
      return map.size === words.length ? [map] : [];
    });
  return lines.findLast((words) => words.has(key) && !words.has('progress'));
}

/** Matches characters that must not be shown: control characters, escape sequences and text direction marks. */
export const UNFIT = /[^\P{Cc}\n\t]|[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/u;

/** The failure of a promise, which must be a ChandlerError. Returns undefined if the promise is fulfilled. */
export async function failureOf(promise: Promise<unknown>): Promise<ChandlerError | undefined> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error === undefined || error instanceof ChandlerError) return error;
  throw new Error('not a ChandlerError', { cause: error });
}
