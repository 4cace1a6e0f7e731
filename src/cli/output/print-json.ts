import type { Writable } from 'node:stream';
import { escapeControls } from '../../domain/text/plain-text.ts';
import type { Output } from './outputs.ts';

/** Prints what a command answers with --json, as schema/output.schema.json has it, for people to read, too. */
export function printJson(stdout: Writable, value: Output): void {
  stdout.write(`${escapeControls(JSON.stringify(value, undefined, 2))}\n`);
}

/** One of many, as a line of its own. */
export function jsonLine(value: Output): string {
  return `${escapeControls(JSON.stringify(value))}\n`;
}
