import { definedOnly } from '../defined-only.ts';

/** One thing that was looked at, and what to do about it. */
export interface Finding {
  /** Stable, for programs: `search-attributes`, `host-key`, … Several rows may have the same. */
  readonly id: string;
  /** What was looked at. */
  readonly looked: string;
  /** `skipped`: it could not be looked at, for the reason given. */
  readonly verdict: 'ok' | 'warning' | 'problem' | 'skipped';
  /** What was found, and what it means. */
  readonly says: string;
  /** The command that mends it. */
  readonly mend?: string;
  /** What has been done about it. */
  readonly fixed?: string;
}

/** Makes a finding of one verdict. */
type Judge = (says: string, mend?: string) => Finding;

/** What can be found about one thing: a function for each verdict. */
export type Verdicts = Readonly<Record<Finding['verdict'], Judge>>;

export function verdictsOn(id: string, looked: string): Verdicts {
  const judge =
    (verdict: Finding['verdict']): Judge =>
    (says, mend) =>
      definedOnly({ id, looked, verdict, says, mend });
  return {
    ok: judge('ok'),
    warning: judge('warning'),
    problem: judge('problem'),
    skipped: judge('skipped'),
  };
}
