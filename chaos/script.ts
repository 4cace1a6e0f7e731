import { readFileSync } from 'node:fs';

/** What a step or a finalizer does, by the plan that was drawn. */
export interface Work {
  readonly lines: number;
  readonly pauseMs: number;
  /** The generations up to this one end with `failCode`. */
  readonly failsUntil: number;
  readonly failCode: number;
  /** Bytes to add to each line, for logs of more than one page. */
  readonly padding: number;
}

/** The code of a script that could not reach the ledger: it has done nothing then. */
export const NO_LEDGER = 97;

const program = readFileSync(new URL('./programs/step.sh', import.meta.url), 'utf8');

/** The script of a part: it says in the ledger that it begins, prints its lines, and says how it ends. */
export function renderScript(
  ledgerPort: number,
  { run, kind, step }: { run: string; kind: 'step' | 'finalizer'; step: string },
  work: Work,
): string {
  const { lines, pauseMs, failsUntil, failCode, padding } = work;
  const settings = [
    `port=${ledgerPort} run=${run} kind=${kind} step=${step}`,
    `lines=${lines} pause=${pauseMs / 1000} fails_until=${failsUntil} fail_code=${failCode} padding=${padding}`,
  ];
  return `${settings.join('\n')}\n${program}`;
}

/** Every byte that a whole launch leaves in its log: a terminal ends lines with a carriage return, too. */
export function expectedLog(step: string, kind: string, generation: number, work: Work): string {
  const pad = '.'.repeat(work.padding);
  return Array.from(
    { length: work.lines },
    (_, i) => `${kind} ${step} ${generation} line ${i + 1}${pad}\r\n`,
  ).join('');
}
