import type { Finding } from '../../domain/run/finding.ts';
import type { OutputOf } from '../output/output-schema.ts';

/** What was looked at together. */
export type Subject = 'here' | 'server' | 'worker' | 'host';

/** The findings about one subject. */
export interface Section {
  readonly about: Subject;
  /** Which one: an address, the identity of a worker, a host. */
  readonly name: string;
  readonly findings: readonly Finding[];
}

/** How many findings of each kind there are. */
export function countFindings(sections: readonly Section[]): { problems: number; warnings: number } {
  const all = sections.flatMap(({ findings }) => findings);
  const count = (verdict: Finding['verdict']) => all.filter((finding) => finding.verdict === verdict).length;
  return { problems: count('problem'), warnings: count('warning') };
}

/** The answer of `doctor --json`. */
export function toJson(sections: readonly Section[]): OutputOf<'findings'> {
  return {
    ...countFindings(sections),
    findings: sections.flatMap(({ about, name, findings }) =>
      findings.map((finding) => ({ about, name, ...finding })),
    ),
  };
}

/** As far as clocks may be apart before times in logs mislead, and before certificates and package lists are refused. */
const CLOCK_NOTICED_MS = 5_000;
const CLOCK_HARMFUL_MS = 5 * 60_000;

/** Judges a clock by another. A positive difference is before it. */
export function clockFinding(about: Pick<Finding, 'id' | 'looked'>, aheadMs: number, than: string): Finding {
  const apart = Math.abs(aheadMs);
  if (apart <= CLOCK_NOTICED_MS)
    return { ...about, verdict: 'ok', says: `within ${CLOCK_NOTICED_MS / 1000} s of ${than}` };
  const where = aheadMs > 0 ? 'ahead of' : 'behind';
  const means =
    apart > CLOCK_HARMFUL_MS
      ? 'certificates and package lists may be refused'
      : 'times in logs and tables mislead';
  return {
    ...about,
    verdict: apart > CLOCK_HARMFUL_MS ? 'problem' : 'warning',
    says: `${Math.round(apart / 1000)} s ${where} ${than}: ${means}`,
    mend: 'timedatectl set-ntp true',
  };
}
