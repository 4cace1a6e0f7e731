import { readFileSync } from 'node:fs';
import { sha256Of } from './sha256.ts';

/** A shell program that Chandler installs on hosts, named by its content. */
export interface Program {
  /** `host-` or `supervise-` and 12 hex digits of its sha256. */
  readonly name: string;
  readonly text: string;
}

/** The shell programs that Chandler runs on hosts. */
export interface Programs {
  /** Does everything that Chandler asks or changes on a host; one subcommand each. */
  readonly host: Program;
  /** Runs one launch, inside its session. */
  readonly supervise: Program;
  /** Reads the facts of a new host; sent over standard input. */
  readonly probe: string;
  /** Inspects a host without changing it; sent over standard input. */
  readonly inspect: string;
}

/** The files that make up the host program, in this order. */
export const hostParts = [
  'common',
  'launch',
  'follow',
  'kill',
  'keyboard',
  'log',
  'first-boot',
  'reboot',
  'script',
  'worker',
  'host',
];

/** Parts that only workers need. A self-provisioning script omits them to stay small. */
const workerParts = new Set(['keyboard', 'log', 'first-boot', 'reboot', 'script', 'worker']);

/** The files that make up the inspection program, in this order. */
const inspectParts = ['common', 'reboot', 'script', 'facts', 'leftovers', 'inspect'];

/** Reads the shell programs that come with the package. */
export function loadPrograms(): Programs {
  return {
    host: named('host', hostParts.map(readPart).join('\n')),
    supervise: named('supervise', withoutDirectives(readPart('supervise'))),
    probe: forStdin(['common', 'facts', 'probe']),
    inspect: forStdin(inspectParts),
  };
}

/** The parts of the host program that a self-provisioning script contains. A worker installs its own host program. */
export function selfProvisioningHostParts(): { name: string; texts: readonly string[] } {
  const texts = hostParts
    .filter((part) => !workerParts.has(part))
    .map(readPart)
    .map(withoutDirectives);
  return { name: named('host', texts.join('\n')).name, texts };
}

/** A program for standard input. facts.sh checks the first line, because a startup file may have consumed it. */
function forStdin(parts: readonly string[]): string {
  return ['whole=yes', ...parts.map(readPart)].join('\n');
}

/**
 * A shell program without comments and indentation, because some clouds limit user-data to 16 KB. Directives of shellcheck stay
 * in parts that are checked once they are assembled.
 */
export function readProgram(url: URL): string {
  return readFileSync(url, 'utf8')
    .replace(/^[ \t]*#(?!!| shellcheck ).*\n/gm, '')
    .replace(/^[ \t]+/gm, '')
    .replace(/\n{2,}/g, '\n')
    .replace(/^([ \t]*# shellcheck [^#\n]*[^# \n]) *#.*$/gm, '$1');
}

/** Like {@link readProgram}, for a part in the directory of this module. */
export function readPart(part: string): string {
  return readProgram(new URL(`./programs/${part}.sh`, import.meta.url));
}

/** A part that a self-provisioning script carries, or that is checked as it is, needs no directives of shellcheck. */
export function withoutDirectives(part: string): string {
  return part.replaceAll(/^# shellcheck .*\n/gm, '');
}

function named(name: string, text: string): Program {
  return { name: `${name}-${sha256Of(text).slice(0, 12)}`, text };
}
