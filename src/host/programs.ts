import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** A shell program that Chandler puts on the host, named by its content. */
export interface Program {
  readonly name: string;
  readonly text: string;
}

export interface Programs {
  /** Every question and order, one subcommand each. */
  readonly host: Program;
  /** Runs one launch, inside its session. */
  readonly supervise: Program;
  /** The first question, sent over standard input. */
  readonly probe: string;
}

/** The files that make up the host program, in this order. */
export const hostParts = ['common', 'launch', 'follow', 'kill', 'host'];

/** Reads the shell programs that lie beside this file. */
export function loadPrograms(): Programs {
  return {
    host: named('host', hostParts.map(readPart).join('\n')),
    supervise: named('supervise', readPart('supervise')),
    probe: readPart('probe'),
  };
}

export function readPart(part: string): string {
  return readFileSync(new URL(`./programs/${part}.sh`, import.meta.url), 'utf8');
}

function named(name: string, text: string): Program {
  return { name: `${name}-${createHash('sha256').update(text).digest('hex').slice(0, 12)}`, text };
}
