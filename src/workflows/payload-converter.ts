import { defaultPayloadConverter, type Payload, type PayloadConverter } from '@temporalio/common';
import { messageOf } from '../domain/failure.ts';

/** What stands for a value that could not be read. */
interface Unreadable {
  readonly unreadable: string;
}

/**
 * Reads what cannot be read as an object that says so. Messages and plans come from anywhere: one in a foreign encoding
 * must be refused like any other that makes no sense, not stop the workflow for good.
 */
export const payloadConverter: PayloadConverter = {
  toPayload: (value) => defaultPayloadConverter.toPayload(value),
  fromPayload: readPayload as PayloadConverter['fromPayload'],
};

function readPayload(payload: Payload): unknown {
  try {
    return defaultPayloadConverter.fromPayload(payload);
  } catch (error) {
    const value: Unreadable = { unreadable: messageOf(error) };
    return value;
  }
}

/** Why a value could not be read; nothing if it could. */
export function whyUnreadable(value: unknown): string | undefined {
  return (value as Partial<Unreadable> | null | undefined)?.unreadable;
}
