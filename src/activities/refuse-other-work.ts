import { ChandlerError } from '../domain/run/failure.ts';
import { label, type Launch } from '../domain/run/ids.ts';
import type { Host } from '../host/host.ts';
import { renderLaunchBody, type LaunchWork } from '../host/launch-body.ts';
import { sha256Of } from '../host/sha256.ts';
import { render, sh } from '../shell/index.ts';

/** In seconds: the time for the host to read two small files. */
const BOUND_S = 20;

/**
 * Refuses to continue a launch whose record has other work than the run requires. After a reset, a run counts its attempts again
 * from the point to which it was reset, so the launch of an attempt may have run before, with a script or environment from an
 * operator.
 *
 * @throws ChandlerError launch-conflict
 */
export async function refuseOtherWork(
  host: Host,
  launch: Launch,
  work: Pick<LaunchWork, 'script' | 'env' | 'files'>,
  signal: AbortSignal,
): Promise<void> {
  const { env, script } = renderLaunchBody(launch, work);
  // Once files are placed, the launch has the script of the step.
  const sums = [env + script, env + work.script].map(sha256Of);
  const test = `${render(sh('cd', `${host.stateDir}/launches/${launch.id}`))} 2>/dev/null || exit 0
case $(cat env script | sha256sum | cut -c 1-64) in ${sums.join(' | ')}) ;; *) exit 1 ;; esac`;
  if ((await host.check(launch.id, test, { boundS: BOUND_S, signal })) === 0) return;
  throw new ChandlerError(
    'launch-conflict',
    `${label(launch)} ran before the workflow was reset, with another script or environment`,
    {
      facts: {
        step: launch.step,
        advice: 'Read its log. To run what is wanted now, retry the step with force: it gets a new attempt.',
      },
    },
  );
}
