import type { ChandlerClient } from '../client.ts';
import { isFullyParked, listParts, type RunStatus } from '../domain/status.ts';
import type { CliContext } from './context.ts';
import { createJsonDisplay, createLineDisplay, createTableDisplay, type Display } from './displays.ts';
import { exitCodeOf, exitCodes, type ExitCode } from './exit-codes.ts';
import { renderDetached, renderEnd, renderParked, type ToCommand } from './render/reports.ts';
import { watchRun } from './look.ts';

export interface FollowOptions {
  /** Whether to go on when only a person can move the run; by default on a terminal. */
  readonly wait?: boolean;
  readonly json?: boolean;
}

/** Shows a run until it is over, or left by Ctrl-C, or parked with nobody watching; answers the exit code. */
export async function followRun(
  context: CliContext,
  client: ChandlerClient,
  workflowId: string,
  options: FollowOptions,
  command: ToCommand,
): Promise<ExitCode> {
  const { json = false, wait = context.isTty && !json } = options;
  const display = json
    ? createJsonDisplay(context)
    : context.isTty
      ? createTableDisplay(context)
      : createLineDisplay(context);
  return follow({ context, client, workflowId, wait, command, display });
}

interface Following {
  readonly context: CliContext;
  readonly client: ChandlerClient;
  readonly workflowId: string;
  readonly wait: boolean;
  readonly command: ToCommand;
  readonly display: Display;
}

async function follow(following: Following): Promise<ExitCode> {
  const { context, client, workflowId, wait, command, display } = following;
  let status: RunStatus | undefined;
  let told = '';
  for await (const sight of watchRun(client, workflowId, context.signal)) {
    switch (sight.kind) {
      case 'silent':
        if (told !== sight.who) {
          told = sight.who;
          display.say(
            sight.who === 'worker'
              ? `No worker answers for this run; it goes on as soon as one does: ${command('worker')}`
              : 'The Temporal server does not answer; waiting for it',
          );
        }
        break;
      case 'end':
        display.close();
        display.say(...renderEnd(sight.result, status));
        return exitCodeOf(sight.result);
      case 'status': {
        status = sight.status;
        display.show(status, sight.progress);
        const parked = isFullyParked(status) ? parkedKey(status) : '';
        if (parked !== '' && parked !== told) {
          if (!wait) display.close();
          display.say(...renderParked(workflowId, status, command));
          if (!wait) return exitCodes.parked;
        }
        told = parked;
      }
    }
  }
  display.close();
  display.say(...renderDetached(workflowId, command));
  return exitCodes.interrupted;
}

/** Tells one state of being parked from the next: a retry that fails again is news. */
function parkedKey(status: RunStatus): string {
  return listParts(status)
    .map(({ part: { state, generation } }) => `${state} ${generation}`)
    .join();
}
