import { randomBytes } from 'node:crypto';
import { BoundedOutput } from './bounded-output.ts';

/** The `key=value` words that a program on the host prints in one frame. */
export type Answer = Readonly<Record<string, string>>;

/** The longest answers contain a page of a log, or a plan of 1 MiB. */
const MAX_FRAME_BYTES = 16 * 1024 * 1024;
const MAX_DIGITS = String(MAX_FRAME_BYTES).length;
const MAX_PRINTED_BYTES = 8 * 1024;
const COLON = 0x3a;

/**
 * Finds answers, `chandler:TOKEN:LENGTH:BODY:TOKEN` with LENGTH in bytes, in a stream that the login also prints to. The token is
 * new for each call, so neither earlier output nor an echo of the command line contains a frame.
 */
export class FrameReader {
  readonly #head: Buffer;
  readonly #tail: Buffer;
  readonly #printed = new BoundedOutput(MAX_PRINTED_BYTES);
  #rest: Buffer = Buffer.alloc(0);
  #wanted = 0;
  /** Whether other output has landed inside an answer. */
  damaged = false;

  constructor(token: string) {
    this.#head = Buffer.from(`chandler:${token}:`);
    this.#tail = Buffer.from(`:${token}`);
  }

  /** Returns the bodies of the answers that this chunk completes. */
  push(chunk: Uint8Array): string[] {
    this.#rest = this.#rest.length === 0 ? Buffer.from(chunk) : Buffer.concat([this.#rest, chunk]);
    const bodies: string[] = [];
    while (this.#rest.length >= this.#wanted) {
      const at = this.#rest.indexOf(this.#head);
      if (at < 0) {
        // The last bytes may begin a frame.
        this.#skip(Math.max(0, this.#rest.length - this.#head.length + 1));
        break;
      }
      this.#skip(at);
      const frame = this.#readFrame();
      if (frame === 'incomplete') break;
      if (frame !== 'damaged') bodies.push(frame.body);
    }
    return bodies;
  }

  /** The beginning and the end of output that is not part of an answer. */
  get printed(): string {
    const printed = this.#printed.text();
    return this.#rest.indexOf(this.#head) < 0 ? printed + this.#rest.toString('utf8') : printed;
  }

  #readFrame(): { body: string } | 'incomplete' | 'damaged' {
    const digits = this.#rest.subarray(this.#head.length, this.#head.length + MAX_DIGITS + 1);
    const colon = digits.indexOf(COLON);
    if (colon < 0 && digits.length <= MAX_DIGITS) return 'incomplete';
    const text = digits.toString('latin1', 0, colon);
    const length = Number(text);
    const begin = this.#head.length + colon + 1;
    const end = begin + length + this.#tail.length;
    const isLength = /^\d+$/.test(text) && length <= MAX_FRAME_BYTES;
    if (isLength && this.#rest.length < end) {
      this.#wanted = end;
      return 'incomplete';
    }
    this.#wanted = 0;
    if (!isLength || !this.#rest.subarray(begin + length, end).equals(this.#tail)) {
      this.damaged = true;
      this.#skip(this.#head.length);
      return 'damaged';
    }
    const body = this.#rest.toString('utf8', begin, begin + length);
    const lineEnd = this.#rest[end] === 0x0a ? 1 : 0;
    this.#rest = this.#rest.subarray(end + lineEnd);
    return { body };
  }

  #skip(bytes: number): void {
    if (bytes > 0) this.#printed.push(this.#rest.subarray(0, bytes));
    this.#rest = this.#rest.subarray(bytes);
  }
}

export function makeToken(): string {
  return randomBytes(12).toString('hex');
}

/** A shell function for programs of one line: `say TEXT` prints an answer with the token in $0. TEXT is ASCII. */
export const SAY = 'say() { printf "chandler:%s:%s:%s:%s\\n" "$0" "${#1}" "$1" "$0"; };';

/** Parses the body of an answer. Returns undefined if a key repeats, which no program of Chandler's does. */
export function parseAnswer(body: string): Answer | undefined {
  const pairs = body.split(' ').map((word): [string, string] => {
    const at = word.indexOf('=');
    return at < 0 ? [word, ''] : [word.slice(0, at), word.slice(at + 1)];
  });
  return new Set(pairs.map(([key]) => key)).size === pairs.length ? Object.fromEntries(pairs) : undefined;
}
