/** One thing that is wrong with a plan, and where: `steps[2].needs[0]`. */
export interface Problem {
  readonly path: string;
  readonly message: string;
}

/** The problems as text, one a line. */
export function formatProblems(problems: readonly Problem[]): string {
  return problems.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`)).join('\n');
}
