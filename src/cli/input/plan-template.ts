import { readFileSync } from 'node:fs';
import { stringify } from 'yaml';

type Values = Readonly<Record<string, unknown>>;

/** A plan to begin with, which contains every key, most of them commented out. */
export function planTemplate(): string {
  return readFileSync(new URL('../../../examples/every-key.yaml', import.meta.url), 'utf8');
}

/** Sets values in the template's target; a commented key is uncommented. */
export function fillTarget(template: string, target: Values): string {
  const { jump, ...own } = target;
  const filled = Object.entries(own).reduce((text, [key, value]) => setKey(text, '  ', key, value), template);
  if (!Array.isArray(jump) || jump.length === 0) return filled;
  const list = stringify(jump).replaceAll(/^(?=.)/gm, '    ');
  return filled.replace(/^ {2}#jump:\n( {4,}#.*\n)+/m, () => `  jump:\n${list}`);
}

/** Sets the first key with that name and indentation: the target precedes everything else with the same depth. */
function setKey(template: string, indent: string, key: string, value: unknown): string {
  const line = `${indent}${key}: ${stringify(value).trimEnd()}`;
  return template.replace(new RegExp(`^${indent}#?${key}:.*$`, 'm'), () => line);
}
