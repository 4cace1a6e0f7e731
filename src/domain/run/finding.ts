import { definedOnly } from '../defined-only.ts';

/** One result of an inspection, with what fixes it. */
export interface Finding {
  /** Stable, for programs: `search-attributes`, `host-key`, … Several findings may have the same. */
  readonly id: string;
  /** What was inspected. */
  readonly subject: string;
  /** `skipped`: it could not be inspected, for the reason in `message`. */
  readonly verdict: 'ok' | 'warning' | 'problem' | 'skipped';
  /** What was found, and what it means. */
  readonly message: string;
  /** The command that fixes it. */
  readonly fix?: string;
  /** What has been fixed already. */
  readonly fixed?: string;
}

/** Creates a finding with one verdict. */
type MakeFinding = (message: string, fix?: string) => Finding;

/** The possible findings about one subject: a function for each verdict. */
export type Verdicts = Readonly<Record<Finding['verdict'], MakeFinding>>;

export function verdictsOn(id: string, subject: string): Verdicts {
  const finding =
    (verdict: Finding['verdict']): MakeFinding =>
    (message, fix) =>
      definedOnly({ id, subject, verdict, message, fix });
  return {
    ok: finding('ok'),
    warning: finding('warning'),
    problem: finding('problem'),
    skipped: finding('skipped'),
  };
}
