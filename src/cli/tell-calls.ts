import type { ConnectionOptions } from '@temporalio/client';

type Interceptor = NonNullable<ConnectionOptions['interceptors']>[number];

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
    const call = nextCall(options);
    const start = call.start.bind(call);
    call.start = (metadata, listener) =>
      start(metadata, {
        onReceiveMetadata: (received) => listener?.onReceiveMetadata?.(received),
        // oxlint-disable-next-line typescript/no-unsafe-return -- messages have any type here, and go on as they are
        onReceiveMessage: (message) => listener?.onReceiveMessage?.(message),
        onReceiveStatus(status) {
          const code: number = status.code;
          const answer = code === 0 ? 'ok' : `${status.details || 'no details'} (gRPC ${code})`;
          tell(`${name}: ${answer}, ${Math.round(performance.now() - beganMs)} ms`);
          listener?.onReceiveStatus?.(status);
        },
      });
    // The class has nothing that callers use beside this interface.
    return call as ReturnType<Interceptor>;
  };
}
