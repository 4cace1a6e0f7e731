import { realpath, rm, rmdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { containerRuns, removeContainers } from './docker.ts';
import { namespaceRuns } from './namespace.ts';
import { endHosts, seeProcesses } from './processes.ts';
import type { SeenProcess } from './processes.ts';
import { hostNames, readHost } from './state.ts';
import type { ListedHost } from './types.ts';

/** Lists the hosts whose notes can be read; `running` is found out now. */
export async function sandboxList(options: { readonly dir: string }): Promise<ListedHost[]> {
  const dir = await existing(options.dir);
  const hosts = await Promise.all((await hostNames(dir)).map((name) => readHost(join(dir, name))));
  return Promise.all(
    hosts
      .filter((host) => host !== undefined)
      .map(async (host) => ({
        ...host,
        running: host.engine === 'docker' ? await containerRuns(host) : namespaceRuns(host),
      })),
  );
}

/**
 * Takes hosts down (all, or those named) until no process, mount or file of theirs is left. Doing it again is harmless.
 *
 * @throws Error naming the processes that can't be ended, or when a container's engine doesn't answer.
 */
export async function sandboxDown(options: {
  readonly dir: string;
  readonly names?: readonly string[] | undefined;
}): Promise<void> {
  const dir = await existing(options.dir);
  await takeDown(dir, options.names ?? (await allNames(dir)));
  // The folder goes with the last host, unless something else is in it.
  if (options.names === undefined) await rmdir(dir).catch(() => undefined);
}

/** Ends the named hosts of a folder (its real path) and deletes what they kept. */
export async function takeDown(dir: string, names: readonly string[]): Promise<void> {
  const known = new Set(await allNames(dir));
  const folders = names.filter((name) => known.has(name)).map((name) => join(dir, name));
  const hosts = await Promise.all(folders.map((folder) => readHost(folder)));
  const noted = new Map(hosts.map((host) => [host?.pid, host?.startTime]));
  const isOurs = ({ hostFolder }: SeenProcess): boolean =>
    hostFolder !== undefined && folders.includes(hostFolder);
  await endHosts((process) => noted.get(process.pid) === process.startTime || isOurs(process));
  for (const [i, folder] of folders.entries()) {
    const host = hosts[i];
    if (host?.engine === 'docker') await removeContainers(folder);
    // Without a note the host may have been a container; with no engine there is none.
    if (host === undefined) await removeContainers(folder).catch(() => undefined);
  }
  // A starter may still be writing into a folder of its own: deleting is tried again.
  const forgetting = { recursive: true, force: true, maxRetries: 10, retryDelay: 20 };
  await Promise.all(folders.map((folder) => rm(folder, forgetting)));
  // Such a starter can't start anything from now on; what it had started meanwhile ends here.
  await endHosts(isOurs);
}

// Hosts whose folder was deleted under them still run: their processes name it.
async function allNames(dir: string): Promise<string[]> {
  const running = seeProcesses()
    .map(({ hostFolder }) => hostFolder)
    .filter((folder) => folder !== undefined && folder.startsWith(`${dir}/`))
    .map((folder) => folder?.slice(dir.length + 1) ?? '');
  return [...new Set([...(await hostNames(dir)), ...running])].filter((name) => /^sandbox-\d+$/.test(name));
}

function existing(dir: string): Promise<string> {
  return realpath(dir).catch(() => resolve(dir));
}
