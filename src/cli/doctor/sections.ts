import type { Finding, Verdicts } from '../../domain/run/finding.ts';
import type { FindingsOutput, Subject } from '../output/outputs.ts';

export interface Section extends Subject {
  readonly findings: readonly Finding[];
}

export function countFindings(sections: readonly Section[]): { problems: number; warnings: number } {
  const all = sections.flatMap(({ findings }) => findings);
  const count = (verdict: Finding['verdict']) => all.filter((finding) => finding.verdict === verdict).length;
  return { problems: count('problem'), warnings: count('warning') };
}

export function toJson(sections: readonly Section[]): FindingsOutput {
  return {
    ...countFindings(sections),
    findings: sections.flatMap(({ about, name, findings }) =>
      findings.map((finding) => ({ about, name, ...finding })),
    ),
  };
}

/** Clocks that differ more make times in logs misleading; with larger differences, certificates and package lists are refused. */
const CLOCK_NOTICED_MS = 5_000;
const CLOCK_HARMFUL_MS = 5 * 60_000;

/** Compares a clock with another one. A positive difference means that it is ahead. */
export function clockFinding({ ok, warning, problem }: Verdicts, aheadMs: number, than: string): Finding {
  const apart = Math.abs(aheadMs);
  if (apart <= CLOCK_NOTICED_MS) return ok(`within ${CLOCK_NOTICED_MS / 1000} s of ${than}`);
  const message = `${Math.round(apart / 1000)} s ${aheadMs > 0 ? 'ahead of' : 'behind'} ${than}`;
  const fix = 'timedatectl set-ntp true';
  return apart > CLOCK_HARMFUL_MS
    ? problem(`${message}: certificates and package lists may be refused`, fix)
    : warning(`${message}: times in logs and tables mislead`, fix);
}
