import { definedOnly } from '../../domain/defined-only.ts';
import {
  fleetActions,
  type FleetActionInputs,
  type FleetActionName,
} from '../../domain/fleet/fleet-actions.ts';
import { SENT_AS_SIGNAL } from '../../domain/run/actions.ts';
import { announceOn, print, type CliContext } from '../context.ts';
import { usageError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import { confirm } from '../input/confirm.ts';
import { printJson } from '../output/print-json.ts';
import { describeCounts } from '../output/render-fleet.ts';
import { copyable, type ServerOptions } from '../server/server-options.ts';
import { withClient } from '../server/with-client.ts';

export interface FleetActionOptions extends ServerOptions {
  readonly reason?: string;
  readonly requestId?: string;
  readonly yes?: boolean;
  readonly json?: boolean;
}

/** Sends an action to a fleet. `question` is asked first on a terminal; without one, `--yes` is needed. */
export async function actOnFleet<Name extends FleetActionName>(
  context: CliContext,
  name: string,
  {
    action,
    input,
    question,
  }: { action: Name; input: Omit<FleetActionInputs[Name], 'reason'>; question?: string },
  options: FleetActionOptions,
): Promise<number> {
  const { reason, requestId } = options;
  if (question !== undefined && options.yes !== true) {
    if (!context.hasTerminal) throw usageError(`${question} Confirm with --yes`);
    if (!(await confirm(context, question))) throw usageError('nothing was sent');
  }
  return withClient(options, context, async (client) => {
    const whole = definedOnly({ ...input, reason, requestId }) as unknown as FleetActionInputs[Name];
    const status = await client.fleets.act(name, action, whole);
    if (options.json) {
      if (status) printJson(context.stdout, status);
    } else
      print(context, status ? `${fleetActions[action].outcome}: ${describeCounts(status)}` : SENT_AS_SIGNAL);
    announceOn(context)(`Follow  ${copyable(context, options, 'fleet', 'watch', name)}`);
    return exitCodes.provisioned;
  });
}
