import { plainText } from '../domain/text/plain-text.ts';
import type { Answer } from '../ssh/frames.ts';
import { decodeText } from './read-answer.ts';

/** How an event of the first boot ended. */
export interface BootAnswer {
  readonly isOver: boolean;
  /** How cloud-init ended. */
  readonly outcome: 'good' | 'recovered' | 'failed';
  /** What cloud-init reports about itself, 4 096 bytes at most, or the file that is locked. */
  readonly report: string;
}

/** Reads the answer of `await` in the host program. */
export function parseBootAnswer({ appeared, code, report }: Answer): BootAnswer {
  return {
    isOver: appeared === 'yes',
    outcome: code === '0' ? 'good' : code === '2' ? 'recovered' : 'failed',
    report: plainText(decodeText(report)).trim(),
  };
}
