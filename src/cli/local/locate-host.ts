import type { ChandlerClient, RunHost } from '../../client.ts';
import { ChandlerError } from '../../domain/run/failure.ts';
import type { ClientTarget } from '../../ssh/client-command.ts';
import { announceOn, type CliContext } from '../context.ts';
import { CliError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import { addSandboxPlaces } from './dev-places.ts';
import { sandboxDir } from './state-dirs.ts';
import { inTime } from '../server/observe-run.ts';

/** @throws CliError failed until the run has reached its host */
export async function hostOfRun(client: ChandlerClient, id: string): Promise<RunHost> {
  const host = await inTime(client, () => client.host(id));
  if (host) return host;
  throw new CliError(exitCodes.failed, 'the run has not reached its host yet; try again later');
}

/**
 * Returns how ssh on this machine reaches the host of a run. If the plan's identity is only on the worker, other keys are used,
 * which the host may accept.
 *
 * @throws ChandlerError identity-unavailable if there is no key here at all
 */
export async function locateHost(
  context: CliContext,
  { target }: Pick<RunHost, 'target'>,
): Promise<ClientTarget> {
  const [{ loadConfig }, { locateTarget }] = await Promise.all([
    import('../../config/config.ts'),
    import('../../config/places.ts'),
  ]);
  const places = addSandboxPlaces(loadConfig(context.env).places, sandboxDir(context));
  try {
    return await locateTarget(target, places);
  } catch (error) {
    if (!(error instanceof ChandlerError) || error.code !== 'identity-unavailable') throw error;
    const { identity: _, jump, ...rest } = target;
    const gates = jump?.map(({ identity: __, ...gate }) => gate);
    const located = await locateTarget({ ...rest, ...(gates && { jump: gates }) }, places);
    announceOn(context)(`${error.message}; offering the agent's keys and the default ones instead`);
    return located;
  }
}
