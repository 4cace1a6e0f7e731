import type { Writable } from 'node:stream';
import { escapeControls } from '../../domain/text/plain-text.ts';
import type { Output } from './outputs.ts';

/** Prints the result of a command with --json, indented for people. Its shape is in schema/output.schema.json. */
export function printJson(stdout: Writable, value: Output): void {
  stdout.write(`${escapeControls(JSON.stringify(value, undefined, 2))}\n`);
}

/** Renders one of many results on its own line. */
export function jsonLine(value: Output): string {
  return `${escapeControls(JSON.stringify(value))}\n`;
}
