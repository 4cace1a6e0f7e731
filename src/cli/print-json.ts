import type { Writable } from 'node:stream';
import type { Output } from './output-schema.ts';

/** Prints what a command answers with --json, as schema/output.schema.json has it, for people to read, too. */
export function printJson(stdout: Writable, value: Output): void {
  stdout.write(`${safely(JSON.stringify(value, undefined, 2))}\n`);
}

/** One of many, as a line of its own. */
export function jsonLine(value: Output): string {
  return `${safely(JSON.stringify(value))}\n`;
}

/** JSON may hold some characters that drive a terminal as they are. Between strings there are none. */
function safely(json: string): string {
  return json.replaceAll(
    /[\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
