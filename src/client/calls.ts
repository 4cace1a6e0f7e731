import type { ConnectionOptions } from '@temporalio/client';

/** Sees each try of a request on its way to the engine, as `ConnectionOptions` has it. */
export type Interceptor = NonNullable<ConnectionOptions['interceptors']>[number];
export type Call = ReturnType<Interceptor>;
export type Status = Parameters<Required<NonNullable<Parameters<Call['start']>[1]>>['onReceiveStatus']>[0];

/** https://grpc.io/docs/guides/status-codes/ */
// oxlint-disable-next-line typescript/no-unsafe-enum-assignment -- the enum is of a package that is not ours
const CANCELLED: Status['code'] = 1;
const DETAILS = 'the client is closed';

/** Has `tell` told when a try that was begun is over. */
export function onStatus(call: ReturnType<Parameters<Interceptor>[1]>, tell: (status: Status) => void): Call {
  const start = call.start.bind(call);
  call.start = (metadata, listener) =>
    start(metadata, {
      onReceiveMetadata: (received) => listener?.onReceiveMetadata?.(received),
      // oxlint-disable-next-line typescript/no-unsafe-return -- messages have any type here, and go on as they are
      onReceiveMessage: (message) => listener?.onReceiveMessage?.(message),
      onReceiveStatus(status) {
        tell(status);
        listener?.onReceiveStatus?.(status);
      },
    });
  // The class has nothing that callers use beside this interface.
  return call as Call;
}

/** Where every try of every request of a client passes. */
export interface Gate {
  /** The last of a connection's interceptors. */
  readonly interceptor: Interceptor;
  /** Ends what is under way and refuses what comes: both reject as cancelled (gRPC 1). */
  shut(): void;
}

/**
 * Keeps requests out of a closed channel: one that waits to be tried again (`makeGrpcRetryInterceptor` of
 * `@temporalio/client`) is answered there by an error out of a timer, which nobody can catch and which ends the process.
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

/** A call that goes nowhere. As every call it gives a message, none, and then its status. */
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
