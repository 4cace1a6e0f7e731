import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { open } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { isServing } from './health.ts';
import { endProcess, identify } from './process-identity.ts';
import { devServerArgs, IP, type DevServerLaunch } from './server-args.ts';
import { removeServerRecord, writeServerRecord, type DevServerInfo } from './server-record.ts';

/** Another program took one of the ports before the server did. */
export class PortTakenError extends Error {
  override readonly name = 'PortTakenError';
}

const SERVING_WITHIN_MS = 60_000;
const POLL_MS = 20;
const TAIL_BYTES = 2000;
/** What the server may see of our environment: no secret, and no TEMPORAL_* that would change what it does. */
const ENVIRONMENT = ['PATH', 'HOME', 'TMPDIR', 'LANG', 'TZ'];

/**
 * Starts the server once, leaves its record in `recordDir`, and waits until it serves. Throws with the end of its
 * output when it ends or does not serve in time; no process is left then.
 */
export async function launchServer(
  cli: string,
  launch: DevServerLaunch,
  place: { readonly logFile: string; readonly recordDir: string | undefined },
): Promise<DevServerInfo> {
  const { recordDir, logFile } = place;
  const log = await open(logFile, 'a', 0o600);
  const logStart = (await log.stat()).size;
  // Detached: a Ctrl-C in the terminal is not for it. A file, not a pipe: a pipe breaks, and the server with it, when
  // this process is killed.
  const child = spawn(cli, devServerArgs(launch), {
    detached: true,
    stdio: ['ignore', log.fd, log.fd],
    env: Object.fromEntries(ENVIRONMENT.map((name) => [name, process.env[name]])),
  });
  try {
    await once(child, 'spawn');
  } finally {
    await log.close();
  }
  child.unref();
  const { pid = 0 } = child;
  const startMark = (await identify(pid))?.startMark ?? 'gone';
  const info = { address: `${IP}:${launch.port}`, uiUrl: `http://${IP}:${launch.uiPort}`, pid, startMark };
  let failure: string | undefined = 'could not be recorded';
  try {
    // At once, so that a server whose starter is killed now is found by the next start.
    if (recordDir !== undefined) await writeServerRecord(recordDir, info);
    failure = await waitServing(child, info, launch);
    if (failure === undefined) return info;
  } finally {
    if (failure !== undefined) await endProcess(info, 0);
    if (failure !== undefined && recordDir !== undefined) await removeServerRecord(recordDir, info);
  }
  const tail = await readTail(logFile, logStart);
  const text = `the Temporal server ${failure}${tail ? ' and said:\n' : ' and said nothing'}${tail}`;
  throw tail.includes('address already in use') ? new PortTakenError(text) : new Error(text);
}

/** Waits until the server serves; tells why not if it won't. */
async function waitServing(child: ChildProcess, info: DevServerInfo, launch: DevServerLaunch) {
  const until = performance.now() + SERVING_WITHIN_MS;
  const attributes = Object.keys(launch.searchAttributes);
  for (;;) {
    const serves = await isServing(info.address, launch.namespace, attributes);
    // First of all ours must live: what answers may be another program's server on the same port.
    const { exitCode, signalCode } = child;
    if (exitCode !== null || signalCode !== null) return `ended (${signalCode ?? `exit ${exitCode}`})`;
    if (serves) return undefined;
    if (performance.now() > until) return `did not serve within ${SERVING_WITHIN_MS / 1000} s`;
    await delay(POLL_MS);
  }
}

/** The last of what was written since `start`. */
async function readTail(file: string, start: number): Promise<string> {
  const handle = await open(file);
  try {
    const { size } = await handle.stat();
    const from = Math.max(start, size - TAIL_BYTES);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(TAIL_BYTES), 0, size - from, from);
    return buffer.toString('utf8', 0, bytesRead).trim();
  } finally {
    await handle.close();
  }
}
