import type { Launch } from '../domain/run/ids.ts';
import type { LaunchState } from '../domain/run/launch-state.ts';
import { lingerSeconds, safeName } from '../zmx/index.ts';
import type { Host } from './host.ts';
import type { StartOptions } from './host-answers.ts';
import { renderLaunchBody, renderSecrets, type LaunchWork } from './launch-body.ts';
import { fileVariables } from './placed-files.ts';

/**
 * Creates and starts a launch, and waits up to `forS` seconds for its end; a finalizer gets no session. Safe to repeat. `created`
 * means that it did not begin within 10 s, or cannot begin; `waiting` has the reason. If that is the login shell, call again: the
 * session is kept.
 *
 * @throws ChandlerError zmx-unavailable before zmx is installed, invalid-input, launch-conflict, disk-full, connection-lost, or
 * what the executor throws
 */
export async function startLaunch(
  host: Host,
  launch: Launch,
  work: LaunchWork,
  how: Pick<StartOptions, 'forS' | 'onProgress' | 'signal'> = {},
): Promise<LaunchState> {
  const place = host.place(launch);
  if (place) safeName(place, place.session);
  const lingerS = place && host.zmx ? lingerSeconds(host.zmx.version) : 0;
  const { lease, record, secrets = {}, masked = [], files = [] } = work;
  const variables = { ...secrets, ...fileVariables(files) };
  const rendered = renderSecrets(variables, [...Object.values(secrets), ...masked]);
  const options = { place, lease, record, secrets: rendered, ...how };
  const state = await host.launch(
    launch.id,
    renderLaunchBody(launch, work, { lingerS, hasScript: host.hasScript }),
    options,
  );
  // A session or supervisor may be lost by chance, so the launch is started a second time.
  return state.kind === 'created' && state.waiting?.for !== 'login-shell'
    ? host.start(launch.id, options)
    : state;
}
