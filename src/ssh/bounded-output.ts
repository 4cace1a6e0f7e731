import { StringDecoder } from 'node:string_decoder';

const GAP = '\n…\n';

/** Keeps up to `maxBytes` of a stream: half of them from its beginning, half from its end. */
export class BoundedOutput {
  readonly #headMax: number;
  readonly #tailMax: number;
  readonly #head: Buffer[] = [];
  readonly #tail: Buffer[] = [];
  #headBytes = 0;
  #tailBytes = 0;
  #dropped = false;

  constructor(maxBytes: number) {
    this.#headMax = Math.floor(maxBytes / 2);
    this.#tailMax = maxBytes - this.#headMax;
  }

  push(chunk: Uint8Array): void {
    // Copies, because a slice would keep the whole read buffer of ssh2 alive.
    const first = Buffer.from(chunk.subarray(0, this.#headMax - this.#headBytes));
    const last = Buffer.from(chunk.subarray(Math.max(first.length, chunk.length - this.#tailMax)));
    // An empty buffer takes 100 bytes, and a stream may bring any number of chunks after the head is full.
    if (first.length > 0) this.#head.push(first);
    if (last.length > 0) this.#tail.push(last);
    this.#headBytes += first.length;
    this.#tailBytes += last.length;
    this.#dropped ||= first.length + last.length < chunk.length;
    for (
      let [next] = this.#tail;
      next && this.#tailBytes - next.length >= this.#tailMax;
      [next] = this.#tail
    ) {
      this.#dropped ||= next.length > 0;
      this.#tailBytes -= next.length;
      this.#tail.shift();
    }
  }

  /** The kept text, without the halves of a character that the limit cut in two. */
  text(): string {
    const head = Buffer.concat(this.#head);
    const tail = Buffer.concat(this.#tail);
    if (!this.#dropped && tail.length <= this.#tailMax) return Buffer.concat([head, tail]).toString('utf8');
    let begin = tail.length - this.#tailMax;
    while (((tail[begin] ?? 0) & 0xc0) === 0x80) begin += 1;
    return new StringDecoder('utf8').write(head) + GAP + tail.toString('utf8', begin);
  }
}
