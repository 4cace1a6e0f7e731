import { accepts } from './server-record.ts';

const CALL_MS = 2000;

/**
 * Asks once whether the server serves: the port answers, the namespace is there and has these search attributes.
 * (A server that only just answers has registered neither.)
 */
export async function isServing(
  address: string,
  namespace: string,
  attributes: readonly string[],
): Promise<boolean> {
  // A gRPC channel that finds nobody waits a second before it tries again; a socket tells at once.
  if (!(await accepts(address))) return false;
  // Takes long to load, and most programs that import this folder start no server.
  const { Connection } = await import('@temporalio/client');
  const connection = Connection.lazy({ address });
  try {
    const list = () => connection.operatorService.listSearchAttributes({ namespace });
    const { customAttributes } = await connection.withDeadline(Date.now() + CALL_MS, list);
    return attributes.every((name) => name in customAttributes);
  } catch {
    return false;
  } finally {
    await connection.close();
  }
}
