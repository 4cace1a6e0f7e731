import type { Deployment, Poller } from '../../client.ts';
import { versionOfIdentity } from '../../config/version.ts';
import type { Finding } from '../../domain/run/finding.ts';
import { oneLine } from '../../domain/text/plain-text.ts';
import { quote } from '../../shell/index.ts';

/** Judges who polls a task queue. `start` is the command that starts a worker. */
export function pollersFinding(taskQueue: string, pollers: readonly Poller[], start: string): Finding {
  const about = { id: 'workers', looked: `task queue ${oneLine(taskQueue)}` };
  if (pollers.length === 0)
    return {
      ...about,
      verdict: 'problem',
      says: 'no worker polls it: runs would wait for ever',
      mend: start,
    };
  const lacks = (['workflows', 'activities'] as const).find(
    (kind) => !pollers.some((poller) => poller[kind]),
  );
  if (lacks)
    return {
      ...about,
      verdict: 'problem',
      says: `no worker polls it for ${lacks}: runs would wait`,
      mend: start,
    };
  const names = pollers.map(({ identity }) => oneLine(identity)).join(', ');
  return { ...about, verdict: 'ok', says: `polled by ${names}` };
}

/** Judges the versions of workers by this program's own. `start` is the command that starts one of this version. */
export function versionFindings(pollers: readonly Poller[], own: string, start: string): Finding[] {
  return pollers.map(({ identity }): Finding => {
    const about = { id: 'worker-version', looked: oneLine(identity) };
    const version = versionOfIdentity(identity);
    if (version === own) return { ...about, verdict: 'ok', says: 'the same version as this program' };
    const says =
      version === undefined
        ? `reports no version: it is not a Chandler worker of this version (${own})`
        : `version ${version}, this program is ${own}: one may lack features of the other`;
    return { ...about, verdict: 'warning', says, mend: start };
  });
}

/** Judges Worker Versioning, if any worker uses it. `set` is the Temporal CLI with its connection. */
export function versioningFindings(
  pollers: readonly Poller[],
  deployments: readonly Deployment[],
  set: string,
): Finding[] {
  const unversioned = pollers.some(({ build }) => build === undefined);
  if (deployments.length === 0)
    return [{ id: 'versioning', looked: 'worker versioning', verdict: 'ok', says: 'not used' }];
  return deployments.map(({ name, current }): Finding => {
    const about = { id: 'versioning', looked: `deployment ${oneLine(name)}` };
    const builds = pollers.flatMap(({ build }) => (build?.deployment === name ? [build.id] : []));
    const words = `worker deployment set-current-version --deployment-name ${quote(name)} --build-id ${quote(builds[0] ?? 'BUILD')}`;
    const mend = `${set} ${words}`;
    if (current === undefined && unversioned)
      return {
        ...about,
        verdict: 'warning',
        says: 'has no current version: new runs go to workers without one',
        mend,
      };
    if (current === undefined)
      return {
        ...about,
        verdict: 'problem',
        says: 'has no current version: no worker gets a new run',
        mend,
      };
    if (builds.includes(current))
      return { ...about, verdict: 'ok', says: `current is ${oneLine(current)}, which is polled for` };
    return {
      ...about,
      verdict: 'problem',
      says: `current is ${oneLine(current)}, which no worker serves (there are ${builds.map(oneLine).join(', ')}): new runs wait`,
      mend,
    };
  });
}
