import { defaultPayloadConverter, type Payload, type PayloadConverter } from '@temporalio/common';
import { boundedText } from '../../domain/text/bounded-text.ts';
import { messageOf } from '../../domain/run/failure.ts';

/** Stands for a value that cannot be read. A class, because no JSON decodes to an instance of it. */
class Unreadable {
  readonly reason: string;
  constructor(reason: string) {
    this.reason = reason;
  }
}

/** No valid plan, action or status is nearly as deep. Recursive functions such as JSON.stringify fail at some thousands. */
const MAX_DEPTH = 100;
const MAX_REASON_LENGTH = 200;

/**
 * Converts a payload that cannot be decoded, or is nested too deeply to be serialised again, into an {@link Unreadable}, so that
 * plans and actions with one are refused like other invalid ones. In the SDK (1.24) an error here fails the workflow task, which
 * the server repeats for ever. This can go once the SDK fails the run or the update instead: remove it and run
 * test/workflows/input-shapes.test.ts.
 */
export const payloadConverter: PayloadConverter = {
  toPayload: (value) => defaultPayloadConverter.toPayload(value),
  fromPayload: readPayload as PayloadConverter['fromPayload'],
};

function readPayload(payload: Payload): unknown {
  try {
    const value: unknown = defaultPayloadConverter.fromPayload(payload);
    if (value instanceof Uint8Array) return new Unreadable('it is binary; send JSON');
    return isTooDeep(value) ? new Unreadable(`it is nested more than ${MAX_DEPTH} levels deep`) : value;
  } catch (error) {
    return new Unreadable(boundedText(messageOf(error), MAX_REASON_LENGTH));
  }
}

/** Works level by level, so that no depth exhausts the stack. */
function isTooDeep(value: unknown): boolean {
  let level = [value];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > MAX_DEPTH) return true;
    level = level.flatMap((each) => (typeof each === 'object' && each !== null ? Object.values(each) : []));
  }
  return false;
}

/** Returns why a value could not be read; undefined if it could. */
export function whyUnreadable(value: unknown): string | undefined {
  return value instanceof Unreadable ? value.reason : undefined;
}
