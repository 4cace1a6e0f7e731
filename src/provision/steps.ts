/** The names of steps, in their order. Go: `StepNames`. */
export function stepNames(steps: readonly { readonly name: string }[]): string[] {
  return steps.map(({ name }) => name);
}
