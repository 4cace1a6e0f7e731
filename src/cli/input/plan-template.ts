import { readFileSync } from 'node:fs';
import { stringify } from 'yaml';

type Values = Readonly<Record<string, unknown>>;

/** A plan with every key there is, most of them commented out, as a person would begin with. */
export function planTemplate(): string {
  return readFileSync(new URL('../../../examples/every-key.yaml', import.meta.url), 'utf8');
}

/** Puts values into the template's target: a key that gets one is no comment any more. */
export function fillTarget(template: string, target: Values): string {
  const { jump, ...own } = target;
  const filled = Object.entries(own).reduce((text, [key, value]) => setKey(text, '  ', key, value), template);
  if (typeof jump !== 'object' || jump === null) return filled;
  return Object.entries(jump).reduce(
    (text, [key, value]) => setKey(text, '    ', key, value),
    filled.replace(/^ {2}#jump:$/m, '  jump:'),
  );
}

/** The first key of that name and depth: the target comes before all else that is so deep. */
function setKey(template: string, indent: string, key: string, value: unknown): string {
  const line = `${indent}${key}: ${stringify(value).trimEnd()}`;
  return template.replace(new RegExp(`^${indent}#?${key}:.*$`, 'm'), () => line);
}
