import { shellWords } from '../src/domain/hosts/shell-words.ts';
import type { HostCall } from './simulated-host.ts';

/** Reads a command line of the host program, or of a program that is sent over standard input; undefined for any other. */
export function parseHostCall(
  command: string,
): (Pick<HostCall, 'subcommand' | 'args'> & { readonly token: string }) | undefined {
  const { words = [] } = shellWords(command);
  const [shell, second, third, ...rest] = words;
  if (shell !== 'sh') return undefined;
  // sh -s -- TOKEN STATE_DIR SUBCOMMAND ARGUMENT... or sh PROGRAM TOKEN STATE_DIR SUBCOMMAND ARGUMENT...
  const [token, , subcommand, ...args] = second === '-s' && third === '--' ? rest : [third ?? '', ...rest];
  return token === undefined || subcommand === undefined ? undefined : { token, subcommand, args };
}

/** Frames an answer as the host program does. */
export function frame(token: string, body: string): string {
  return `chandler:${token}:${Buffer.byteLength(body)}:${body}:${token}\n`;
}
