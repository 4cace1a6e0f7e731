import type { ConnectionOptions } from '@temporalio/client';

/** Intercepts each attempt of a request, as in `ConnectionOptions`. */
export type Interceptor = NonNullable<ConnectionOptions['interceptors']>[number];
export type Call = ReturnType<Interceptor>;
export type Status = Parameters<Required<NonNullable<Parameters<Call['start']>[1]>>['onReceiveStatus']>[0];

/** https://grpc.io/docs/guides/status-codes/ */
// oxlint-disable-next-line typescript/no-unsafe-enum-assignment -- the enum is of a package that is not ours
const CANCELLED: Status['code'] = 1;
const DETAILS = 'the client is closed';

/** Calls `report` with the status of an attempt. */
export function onStatus(
  call: ReturnType<Parameters<Interceptor>[1]>,
  report: (status: Status) => void,
): Call {
  const start = call.start.bind(call);
  call.start = (metadata, listener) =>
    start(metadata, {
      onReceiveMetadata: (received) => listener?.onReceiveMetadata?.(received),
      // oxlint-disable-next-line typescript/no-unsafe-return -- messages have any type here, and are passed on as they are
      onReceiveMessage: (message) => listener?.onReceiveMessage?.(message),
      onReceiveStatus(status) {
        report(status);
        listener?.onReceiveStatus?.(status);
      },
    });
  // Callers use nothing of the class but this interface.
  return call as Call;
}

/** Lets every attempt of every request of a client pass, until it is shut. */
export interface Gate {
  /** Must be the last of a connection's interceptors. */
  readonly interceptor: Interceptor;
  /** Cancels pending requests and refuses later ones: all reject as cancelled (gRPC 1). */
  shut(): void;
}

/**
 * Creates a gate that keeps requests out of a closed channel. In a closed channel, a request that waits for a retry
 * (`makeGrpcRetryInterceptor` of `@temporalio/client`) throws from a timer, which nothing can catch and which ends the process.
 */
export function makeGate(): Gate {
  const underWay = new Set<Call>();
  let isShut = false;
  return {
    interceptor(options, nextCall) {
      if (isShut) return refuse();
      const call: Call = onStatus(nextCall(options), () => underWay.delete(call));
      underWay.add(call);
      return call;
    },
    shut() {
      isShut = true;
      for (const call of underWay) call.cancelWithStatus(CANCELLED, DETAILS);
    },
  };
}

const nothing = () => undefined;

/** A call that fails as cancelled. As every call, it reports a message (here none) before its status. */
function refuse(): Call {
  return {
    start(metadata, listener) {
      setImmediate(() => {
        listener?.onReceiveMessage?.(null);
        listener?.onReceiveStatus?.({ code: CANCELLED, details: DETAILS, metadata });
      });
    },
    getPeer: () => '',
    getAuthContext: () => null,
    cancelWithStatus: nothing,
    sendMessage: nothing,
    sendMessageWithContext: nothing,
    startRead: nothing,
    halfClose: nothing,
  } satisfies Partial<Call> as unknown as Call;
}
