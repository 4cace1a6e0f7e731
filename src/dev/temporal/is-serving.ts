import { answers } from '../answers.ts';
import { portOf } from './server-record.ts';

const CALL_MS = 2000;

/** Whether the server has registered the namespace and its search attributes, which it does some time after it listens. */
export async function isServing(
  address: string,
  namespace: string,
  attributes: readonly string[],
): Promise<boolean> {
  // A gRPC channel would wait a second before it tries again.
  if (!(await answers(portOf(address)))) return false;
  // Loaded late: it takes long, and most importers of this folder start no server.
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
