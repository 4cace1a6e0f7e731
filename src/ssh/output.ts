import { StringDecoder } from 'node:string_decoder';

const NEWLINE = 0x0a;

/** Keeps the first `maxBytes` of a stream and forgets the rest. */
export class BoundedOutput {
  readonly #maxBytes: number;
  readonly #chunks: Buffer[] = [];
  #kept = 0;
  #cut = false;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  push(chunk: Buffer): void {
    const room = this.#maxBytes - this.#kept;
    if (chunk.length > room) this.#cut = true;
    if (room <= 0) return;
    // A copy: ssh2 hands out slices of its read buffer, and a slice would keep the whole of it alive.
    this.#chunks.push(Buffer.from(chunk.subarray(0, room)));
    this.#kept += Math.min(chunk.length, room);
  }

  /** The text kept. Where the limit cut a character in two, its half is left out. */
  text(): string {
    const bytes = Buffer.concat(this.#chunks);
    return this.#cut ? new StringDecoder('utf8').write(bytes) : bytes.toString('utf8');
  }
}

/** Splits a stream into lines. A line over `maxLineBytes` is handed on once, cut at that length. */
export class LineSplitter {
  readonly #onLine: (line: string) => void;
  readonly #maxLineBytes: number;
  #line: BoundedOutput;
  #empty = true;

  constructor(onLine: (line: string) => void, maxLineBytes: number) {
    this.#onLine = onLine;
    this.#maxLineBytes = maxLineBytes;
    this.#line = new BoundedOutput(maxLineBytes);
  }

  push(chunk: Buffer): void {
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      this.#add(chunk.subarray(from, end));
      this.#emit();
      from = end + 1;
    }
    if (from < chunk.length) this.#add(chunk.subarray(from));
  }

  /** Hands on a last line that has no line end. Only for output that is known to be whole. */
  finish(): void {
    if (!this.#empty) this.#emit();
  }

  #add(part: Buffer): void {
    this.#line.push(part);
    this.#empty = false;
  }

  #emit(): void {
    const line = this.#line.text();
    this.#line = new BoundedOutput(this.#maxLineBytes);
    this.#empty = true;
    this.#onLine(line);
  }
}
