/** The names of steps, in their order. */
export function stepNames(steps: readonly { readonly name: string }[]): string[] {
  return steps.map(({ name }) => name);
}
