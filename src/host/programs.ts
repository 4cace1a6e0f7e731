import { readFileSync } from 'node:fs';
import { sha256Of } from './sha256.ts';

/** A shell program that Chandler puts on the host, named by its content. */
export interface Program {
  /** `host-` or `supervise-` and 12 hex digits of its sha256. */
  readonly name: string;
  readonly text: string;
}

/** The shell programs that Chandler runs on hosts. */
export interface Programs {
  /** Every question and order, one subcommand each. */
  readonly host: Program;
  /** Runs one launch, inside its session. */
  readonly supervise: Program;
  /** The first question, sent over standard input. */
  readonly probe: string;
  /** A look that changes nothing, sent over standard input. */
  readonly inspect: string;
}

/** The files that make up the host program, in this order. */
export const hostParts = ['common', 'launch', 'follow', 'kill', 'script', 'host'];

/** The files that make up a look, in this order. */
const inspectParts = ['common', 'script', 'facts', 'inspect'];

/** Reads the shell programs that come with the package. */
export function loadPrograms(): Programs {
  return {
    host: named('host', hostParts.map(readPart).join('\n')),
    supervise: named('supervise', readPart('supervise')),
    probe: ['facts', 'probe'].map(readPart).join('\n'),
    inspect: inspectParts.map(readPart).join('\n'),
  };
}

/** A shell program, or a part of one, without its comments: some clouds take 16 KB of user-data and no more. */
export function readPart(part: string): string {
  const text = readFileSync(new URL(`./programs/${part}.sh`, import.meta.url), 'utf8');
  return text
    .replace(/^[ \t]*#(?!!| shellcheck ).*\n/gm, '')
    .replace(/^([ \t]*# shellcheck [^#\n]*[^# \n]) *#.*$/gm, '$1');
}

function named(name: string, text: string): Program {
  return { name: `${name}-${sha256Of(text).slice(0, 12)}`, text };
}
