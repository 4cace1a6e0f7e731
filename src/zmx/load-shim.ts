import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** The `zmx` command over tmux: a POSIX sh program. */
export interface Shim {
  readonly content: Uint8Array;
  /** 64 lower-case hex digits. */
  readonly sha256: string;
}

export function loadShim(): Shim {
  const content = readFileSync(new URL('./shim/zmx.sh', import.meta.url));
  return { content, sha256: createHash('sha256').update(content).digest('hex') };
}
