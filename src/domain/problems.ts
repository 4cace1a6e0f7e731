/** One thing that is wrong with a plan. */
export interface Problem {
  /** Where: `steps[2].needs[0]`; empty for the plan as a whole. */
  readonly path: string;
  readonly message: string;
}

/** The problems as text, one a line. */
export function formatProblems(problems: readonly Problem[]): string {
  return problems.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`)).join('\n');
}
