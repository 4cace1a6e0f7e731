import type { Deployment, Poller } from '../../client.ts';
import { versionOfIdentity } from '../../config/version.ts';
import { verdictsOn, type Finding } from '../../domain/run/finding.ts';
import { oneLine } from '../../domain/text/plain-text.ts';
import { quote } from '../../shell/index.ts';

/** The finding about the pollers of a task queue. `start` is the command that starts a worker. */
export function pollersFinding(taskQueue: string, pollers: readonly Poller[], start: string): Finding {
  const { ok, problem } = verdictsOn('workers', `task queue ${oneLine(taskQueue)}`);
  if (pollers.length === 0) return problem('no worker polls it: runs would wait for ever', start);
  const lacks = (['workflows', 'activities'] as const).find(
    (kind) => !pollers.some((poller) => poller[kind]),
  );
  if (lacks) return problem(`no worker polls it for ${lacks}: runs would wait`, start);
  return ok(`polled by ${pollers.map(({ identity }) => oneLine(identity)).join(', ')}`);
}

/** Compares the versions of workers with this program's. `start` is the command that starts a worker of this version. */
export function versionFindings(pollers: readonly Poller[], own: string, start: string): Finding[] {
  return pollers.map(({ identity }): Finding => {
    const { ok, warning } = verdictsOn('worker-version', oneLine(identity));
    const version = versionOfIdentity(identity);
    if (version === own) return ok('the same version as this program');
    const message =
      version === undefined
        ? `reports no version: it is not a Chandler worker of this version (${own})`
        : `version ${version}, this program is ${own}: one may lack features of the other`;
    return warning(message, start);
  });
}

/** The findings about Worker Versioning, if a worker uses it. `cli` is the Temporal CLI with its connection options. */
export function versioningFindings(
  pollers: readonly Poller[],
  deployments: readonly Deployment[],
  cli: string,
): Finding[] {
  const unversioned = pollers.some(({ build }) => build === undefined);
  if (deployments.length === 0) return [verdictsOn('versioning', 'worker versioning').ok('not used')];
  return deployments.map(({ name, current }): Finding => {
    const { ok, warning, problem } = verdictsOn('versioning', `deployment ${oneLine(name)}`);
    const builds = pollers.flatMap(({ build }) => (build?.deployment === name ? [build.id] : []));
    const words = `worker deployment set-current-version --deployment-name ${quote(name)} --build-id ${quote(builds[0] ?? 'BUILD')}`;
    const fix = `${cli} ${words}`;
    if (current === undefined)
      return unversioned
        ? warning('has no current version: new runs go to workers without one', fix)
        : problem('has no current version: no worker gets a new run', fix);
    const message = `current is ${oneLine(current)}, which`;
    if (builds.includes(current)) return ok(`${message} a worker serves`);
    const served = builds.map(oneLine).join(', ');
    return problem(`${message} no worker serves (there are ${served}): new runs wait`, fix);
  });
}
