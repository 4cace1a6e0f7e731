import type { Client, Connection } from '@temporalio/client';
import { render, sh } from '../shell/index.ts';

/** The addresses that the Temporal CLI uses by default. */
const DEFAULT_ADDRESSES = new Set(['127.0.0.1:7233', 'localhost:7233']);
const DEFAULT_NAMESPACE = 'default';

/** A command of the Temporal CLI for users to copy, for the server and namespace of the client. */
export function temporalCommand({ connection, options }: Client, ...words: readonly string[]): string {
  const { namespace } = options;
  // A connection made by a program may not expose its address.
  const { address } = (connection as Partial<Connection>).options ?? {};
  return render(
    sh(
      'temporal',
      ...words,
      ...(namespace === DEFAULT_NAMESPACE ? [] : ['--namespace', namespace]),
      ...(address === undefined || DEFAULT_ADDRESSES.has(address) ? [] : ['--address', address]),
    ),
  );
}
