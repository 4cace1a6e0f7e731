import { realpath, rm, rmdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { containerRuns, removeContainers } from './docker.ts';
import { namespaceRuns } from './namespace.ts';
import { endHosts, seeProcesses, type SeenProcess } from './sandbox-processes.ts';
import { hostNames, readHost } from './state.ts';
import type { ListedHost, SandboxHost } from './sandbox-host.ts';

/** Lists the hosts whose record can be read. */
export async function sandboxList(options: { readonly dir: string }): Promise<ListedHost[]> {
  const dir = await existing(options.dir);
  const hosts = (await hostNames(dir)).map(async (name) => {
    const host = await readHost(join(dir, name));
    return host && { ...host, running: await isRunning(host) };
  });
  return (await Promise.all(hosts)).filter((host) => host !== undefined);
}

/** Removes every process, mount and file of the named hosts, or of all. @throws Error if a process stays or Docker is silent */
export async function sandboxDown(options: {
  readonly dir: string;
  readonly names?: readonly string[] | undefined;
}): Promise<void> {
  const dir = await existing(options.dir);
  await takeDown(dir, options.names ?? (await allNames(dir)));
  // Fails if something else is in it.
  if (options.names === undefined) await rmdir(dir).catch(() => undefined);
}

/** Like {@link sandboxDown}; `dir` must be a real path. */
export async function takeDown(dir: string, names: readonly string[]): Promise<void> {
  const known = new Set(await allNames(dir));
  const folders = names.filter((name) => known.has(name)).map((name) => join(dir, name));
  const hosts = await Promise.all(folders.map((folder) => readHost(folder)));
  const noted = new Map(hosts.map((host) => [host?.pid, host?.startTime]));
  const isOurs = ({ hostFolder = '' }: SeenProcess): boolean => folders.includes(hostFolder);
  await endHosts((process) => noted.get(process.pid) === process.startTime || isOurs(process));
  for (const [i, folder] of folders.entries()) {
    const host = hosts[i];
    if (host?.backend === 'docker') await removeContainers(folder);
    // Without a record, the host may have been a container.
    if (host === undefined) await removeContainers(folder).catch(() => undefined);
  }
  // A starter may still be writing into its folder.
  const forgetting = { recursive: true, force: true, maxRetries: 10, retryDelay: 20 };
  await Promise.all(folders.map((folder) => rm(folder, forgetting)));
  // Such a starter cannot start anything from now on; this ends what it has started meanwhile.
  await endHosts(isOurs);
}

/** Includes running hosts whose folder is gone, by the arguments of their processes. */
async function allNames(dir: string): Promise<string[]> {
  const running = seeProcesses()
    .filter(({ hostFolder }) => hostFolder?.startsWith(`${dir}/`))
    .map(({ hostFolder = '' }) => hostFolder.slice(dir.length + 1));
  return [...new Set([...(await hostNames(dir)), ...running])].filter((name) => /^sandbox-\d+$/.test(name));
}

function isRunning(host: SandboxHost): boolean | Promise<boolean> {
  return host.backend === 'docker' ? containerRuns(host) : namespaceRuns(host);
}

function existing(dir: string): Promise<string> {
  return realpath(dir).catch(() => resolve(dir));
}
