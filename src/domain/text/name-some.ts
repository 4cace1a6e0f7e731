import { oneLine } from './plain-text.ts';

const MAX_NAMED = 3;

/** `a, b, c and 2 more` */
export function nameSome(names: readonly string[]): string {
  const more = names.length - MAX_NAMED;
  return `${names.slice(0, MAX_NAMED).map(oneLine).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}
