import type { PartFailure } from '../../domain/run/status.ts';

/** The first line of a failure, without `NAME on USER@HOST:PORT: `, which the place where it is shown contains already. */
export function shortMessage(name: string, { message }: PartFailure): string {
  const [line = ''] = message.split('\n', 1);
  return line.startsWith(`${name} on `) ? line.slice(name.length).replace(/^ on \S+: /, '') : line;
}
