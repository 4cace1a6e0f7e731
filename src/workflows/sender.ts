import { defaultPayloadConverter } from '@temporalio/common';
import type { WorkflowInterceptorsFactory } from '@temporalio/workflow';

/** A header of ours within the worker: no client can set it, since every message gets it anew. */
const HEADER = 'chandler-sender';

/**
 * Tells the handlers of signals and updates who has sent the message: as their second argument. The SDK keeps that to
 * itself, but the order to call a handler has it, out of the history, so a replay sees the same.
 */
export const interceptors: WorkflowInterceptorsFactory = () => ({
  internals: [
    {
      activate(input, next) {
        for (const { signalWorkflow, doUpdate } of input.activation.jobs ?? []) {
          if (signalWorkflow)
            signalWorkflow.headers = withSender(signalWorkflow.headers, signalWorkflow.identity);
          if (doUpdate) doUpdate.headers = withSender(doUpdate.headers, doUpdate.meta?.identity);
        }
        return next(input);
      },
    },
  ],
  inbound: [
    {
      handleSignal: (input, next) => next(tellSender(input)),
      validateUpdate: (input, next) => next(tellSender(input)),
      handleUpdate: (input, next) => next(tellSender(input)),
    },
  ],
});

type Headers = Parameters<typeof defaultPayloadConverter.fromPayload>[0];

function withSender(
  headers: Record<string, Headers> | null | undefined,
  identity: string | null | undefined,
): Record<string, Headers> {
  return { ...headers, [HEADER]: defaultPayloadConverter.toPayload(identity ?? '') };
}

function tellSender<Input extends { readonly args: unknown[]; readonly headers: Record<string, Headers> }>(
  input: Input,
): Input {
  const payload = input.headers[HEADER];
  const sender = payload === undefined ? '' : defaultPayloadConverter.fromPayload(payload);
  return { ...input, args: [input.args[0], sender] };
}
