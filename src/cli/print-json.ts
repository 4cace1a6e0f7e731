import type { Writable } from 'node:stream';
import type { Output } from './output-schema.ts';

/** Prints what a command answers with --json, as schema/output.schema.json has it, for people to read, too. */
export function printJson(stdout: Writable, value: Output): void {
  stdout.write(`${JSON.stringify(value, undefined, 2)}\n`);
}

/** One of many, as a line of its own. */
export function jsonLine(value: Output): string {
  return `${JSON.stringify(value)}\n`;
}
