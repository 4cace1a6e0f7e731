import { ENGINE_ENVIRONMENT } from '../environment.ts';
import { exitTexts } from '../exit-codes.ts';
import type { Manual } from '../manual.ts';
import type { SendOptions } from './send.ts';

// What all messages to runs have in common.

export const RUN_ARGUMENT = 'of the run; none with --query or --fleet';
export const STEP_ARGUMENT = 'its name; none with --query or --fleet';

/** What the manuals of all messages have in common. */
export const MESSAGE_MANUAL = {
  group: 'Act on runs:',
  exits: {
    provisioned: 'it was taken; with --query or --fleet by every run that it fits',
    failed: 'no worker answers; with --query or --fleet: at least one run did not take it',
    usage: 'wrong usage, no such run or step, the run refused it (the reason is told), or --yes was missing',
    unreachable: exitTexts.unreachable,
  },
  environment: ENGINE_ENVIRONMENT,
} as const satisfies Partial<Manual>;

export const BATCH_ABOUT = `With --query or --fleet it goes to every running run that is found, several at once; each is answered with a line as soon as it has answered, and one whose worker is away does not hold up the others.`;

/** What every message may carry. A query may send one run several messages, which are not repetitions of each other. */
export function reasonAndId(
  { reason, requestId, query, fleet }: SendOptions,
  step = '',
): { reason?: string; requestId?: string } {
  const isOneOfMany = step !== '' && (query !== undefined || fleet !== undefined);
  return {
    ...(reason !== undefined && { reason }),
    ...(requestId !== undefined && { requestId: isOneOfMany ? `${requestId}:${step}` : requestId }),
  };
}
