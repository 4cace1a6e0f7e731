import { boundedText } from '../text/bounded-text.ts';

/** A problem of a plan. */
export interface Problem {
  /** `steps[2].needs[0]`; empty for the plan as a whole. */
  readonly path: string;
  readonly message: string;
}

/** A problem, and where it is. */
export interface PlacedProblem extends Problem {
  /** The file, unless it is that of the plan: a file that the plan includes, or an env file. */
  readonly file?: string;
  /** Missing for a value that only the command line has. */
  readonly line?: number;
}

/** Formats problems as text, one per line. */
export function formatProblems(problems: readonly Problem[]): string {
  return problems.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`)).join('\n');
}

/** More than a person reads, and less than a failure can carry. */
const MAX_PROBLEMS = 200;
const MAX_TEXT_LENGTH = 500;

/** Bounds problems so that they fit into a failure: cuts long texts, and replaces the rest of a long list by its count. */
export function boundedProblems(problems: readonly Problem[]): Problem[] {
  const listed = problems.slice(0, MAX_PROBLEMS).map(({ path, message }) => ({
    path: boundedText(path, MAX_TEXT_LENGTH),
    message: boundedText(message, MAX_TEXT_LENGTH),
  }));
  const rest = problems.length - listed.length;
  return rest === 0 ? listed : [...listed, { path: '', message: `… and ${rest} more problems` }];
}
