import { boundedText } from '../domain/text/bounded-text.ts';
import { plainText } from '../domain/text/plain-text.ts';

export interface Printed {
  readonly stdout: string;
  readonly stderr: string;
}

const MAX_LINES = 3;
const MAX_LINE_LENGTH = 200;

export function describePrinted({ stdout, stderr }: Printed): string {
  const parts = Object.entries({
    'standard output': firstAndLast(stdout),
    'standard error': firstAndLast(stderr),
  })
    .filter(([, text]) => text !== '')
    .map(([name, text]) => `${name}: “${text}”`);
  return parts.join('; ') || 'the host printed nothing';
}

export function firstAndLast(text: string): string {
  const lines = plainText(text)
    .split('\n')
    .map((line) => boundedText(line.replaceAll(/\s+/g, ' ').trim(), MAX_LINE_LENGTH))
    .filter((line) => line !== '');
  const shown =
    lines.length <= 2 * MAX_LINES ? lines : [...lines.slice(0, MAX_LINES), '…', ...lines.slice(-MAX_LINES)];
  return shown.join(' | ');
}
