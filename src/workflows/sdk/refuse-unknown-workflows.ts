import { workflowInfo, type WorkflowInterceptorsFactory } from '@temporalio/workflow';
import { boundedText } from '../../domain/text/bounded-text.ts';
import { plainText } from '../../domain/text/plain-text.ts';
import * as workflows from '../index.ts';
import { refuseInput } from '../read-input.ts';

/** CONTINUE_AS_NEW_INITIATOR_WORKFLOW: the run continued itself as new; a retry and a cron schedule are others. */
const BY_WORKFLOW = 1;
/** In characters. */
const MAX_NAME_LENGTH = 100;

/**
 * Refuses what a client may not start. A client chooses type, arguments, retry policy and schedule freely:
 * - An unknown type fails the run. The SDK (1.24) would fail its task for ever, or call an inherited method such as `valueOf`.
 *   This can go once the SDK fails such runs: remove the check and run test/workflows/input-shapes.test.ts.
 * - Only a run that continued itself as new has a second argument, its snapshot. One that a client sends is dropped, also in
 *   later runs of a retry policy or cron schedule, which count as continued, too. This stays.
 */
export const interceptors: WorkflowInterceptorsFactory = () => {
  let hasSnapshot = false;
  return {
    internals: [
      {
        activate(input, next) {
          const initiator = input.activation.jobs?.[0]?.initializeWorkflow?.continuedInitiator;
          if (Number(initiator) === BY_WORKFLOW) hasSnapshot = true;
          return next(input);
        },
      },
    ],
    inbound: [
      {
        async execute(input, next) {
          const { workflowType } = workflowInfo();
          if (!Object.hasOwn(workflows, workflowType) || workflowType === 'default')
            throw refuseInput(`this worker has no workflow "${shown(workflowType)}"`);
          return next(hasSnapshot ? input : { ...input, args: input.args.slice(0, 1) });
        },
      },
    ],
  };
};

function shown(name: string): string {
  return plainText(boundedText(name, MAX_NAME_LENGTH));
}
