import { onStatus, type Interceptor } from '../../client/call-gate.ts';

/** Returns interceptors that log every request to the server, including retries, with result and duration. */
export async function logRequests(log: (line: string) => void): Promise<Interceptor[]> {
  const { defaultGrpcRetryOptions, makeGrpcRetryInterceptor } = await import('@temporalio/client');
  // This order logs each attempt, not only the whole request.
  return [makeGrpcRetryInterceptor(defaultGrpcRetryOptions()), logRequest(log)];
}

function logRequest(log: (line: string) => void): Interceptor {
  return (options, nextCall) => {
    const name = options.method_definition.path.replace(/^.*\//, '');
    const beganMs = performance.now();
    return onStatus(nextCall(options), (status) => {
      const { details } = status;
      const code: number = status.code;
      const answer = code === 0 ? 'ok' : `${details || 'no details'} (gRPC ${code})`;
      log(`${name}: ${answer}, ${Math.round(performance.now() - beganMs)} ms`);
    });
  };
}
