import type { HostRef } from '../activities/types.ts';
import type { ChandlerClient } from '../client.ts';
import { askRun } from '../client/ask-run.ts';
import { ChandlerError } from '../domain/failure.ts';
import type { ClientTarget } from '../ssh/client-command.ts';
import type { LaunchesAnswer } from '../workflows/messages.ts';
import { announceOn, type CliContext } from './context.ts';
import { CliError } from './errors.ts';
import { exitCodes } from './exit-codes.ts';
import { addSandboxPlaces } from './sandbox-places.ts';
import { sandboxDir } from './state-dirs.ts';
import { inTime } from './look.ts';

/** What a run knows of its launches and of its host. @throws CliError failed until it has reached the host */
export async function askLaunches(
  client: ChandlerClient,
  id: string,
): Promise<LaunchesAnswer & { readonly host: HostRef }> {
  const answer = await inTime(client, () => askRun<LaunchesAnswer>(client.temporal, id, 'launches'));
  const { host } = answer;
  if (!host) throw new CliError(exitCodes.failed, 'the run has not reached its host yet');
  return { ...answer, host };
}

/**
 * How ssh on this machine reaches the host of a run. An identity that only the worker has is no reason to stay outside:
 * whoever asks may have another one that the host accepts.
 *
 * @throws ChandlerError identity-unavailable if there is no key at all here
 */
export async function locateHost(context: CliContext, { target }: HostRef): Promise<ClientTarget> {
  const [{ loadConfig }, { locateTarget }] = await Promise.all([
    import('../config/config.ts'),
    import('../config/places.ts'),
  ]);
  const places = addSandboxPlaces(loadConfig(context.env).places, sandboxDir(context));
  try {
    return await locateTarget(target, places);
  } catch (error) {
    if (!(error instanceof ChandlerError) || error.code !== 'identity-unavailable') throw error;
    const { identity: _, jump, ...rest } = target;
    const { identity: __, ...gate } = jump ?? {};
    const located = await locateTarget(
      { ...rest, ...(jump && { jump: { ...gate, host: jump.host } }) },
      places,
    );
    announceOn(context)(`${error.message}; offering the agent's keys and the default ones instead`);
    return located;
  }
}
