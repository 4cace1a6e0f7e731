import { readFileSync } from 'node:fs';

/** What a drawn step or finalizer does. */
export interface Work {
  readonly lines: number;
  readonly pauseMs: number;
  /** The attempts up to this one end with `failCode`. */
  readonly failsUntil: number;
  /** The variable of its environment that holds `failsUntil`, which differs between the hosts of a fleet. */
  readonly failsUntilVariable?: string;
  readonly failCode: number;
  /** Bytes to add to each line, for logs of more than one page. */
  readonly padding: number;
  /** Grows with each edit of the script. The ledger has it behind the name of the plan: `PLAN:VERSION`. */
  readonly version?: number;
  /** Whether an attempt that ends with 0 has its host rebooted, and whether its script waits for that. */
  readonly reboots?: 'and waits' | 'and ends';
}

/** The exit code of a script that could not reach the ledger and did nothing. */
export const NO_LEDGER = 97;

const program = readFileSync(new URL('./programs/step.sh', import.meta.url), 'utf8');

/** The script of a part: it writes its start to the ledger, prints its lines, and writes its end. */
export function renderScript(
  ledgerPort: number,
  { run, kind, step }: { run: string; kind: 'step' | 'finalizer'; step: string },
  work: Work,
): string {
  const { lines, pauseMs, failsUntilVariable, failCode, padding, version, reboots } = work;
  const failsUntil = failsUntilVariable === undefined ? work.failsUntil : `$${failsUntilVariable}`;
  const settings = [
    `port=${ledgerPort} run=${run}${version === undefined ? '' : `:${version}`} kind=${kind} step=${step}`,
    `lines=${lines} pause=${pauseMs / 1000} fails_until=${failsUntil} fail_code=${failCode} padding=${padding}`,
    `reboots='${reboots ?? ''}'`,
  ];
  return `${settings.join('\n')}\n${program}`;
}

/** The complete log of a launch. A terminal ends lines with CR LF. */
export function expectedLog(step: string, kind: string, attempt: number, work: Work): string {
  const pad = '.'.repeat(work.padding);
  return Array.from(
    { length: work.lines },
    (_, i) => `${kind} ${step} ${attempt} line ${i + 1}${pad}\r\n`,
  ).join('');
}
