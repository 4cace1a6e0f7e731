import { onStatus, type Interceptor } from '../client/calls.ts';

/** Tells of every request to the engine, each retry of it too, how it went and how long it took. */
export async function tellCalls(tell: (line: string) => void): Promise<Interceptor[]> {
  const { defaultGrpcRetryOptions, makeGrpcRetryInterceptor } = await import('@temporalio/client');
  // The retries come first, so that what stands behind them sees each try.
  return [makeGrpcRetryInterceptor(defaultGrpcRetryOptions()), tellCall(tell)];
}

function tellCall(tell: (line: string) => void): Interceptor {
  return (options, nextCall) => {
    const name = options.method_definition.path.replace(/^.*\//, '');
    const beganMs = performance.now();
    return onStatus(nextCall(options), (status) => {
      const { details } = status;
      const code: number = status.code;
      const answer = code === 0 ? 'ok' : `${details || 'no details'} (gRPC ${code})`;
      tell(`${name}: ${answer}, ${Math.round(performance.now() - beganMs)} ms`);
    });
  };
}
