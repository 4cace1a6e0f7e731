import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { open } from 'node:fs/promises';
import { waitUntil } from '../wait-until.ts';
import { isServing } from './is-serving.ts';
import { endProcess, identify } from './process-identity.ts';
import { devServerArgs, IP, type DevServerLaunch } from './server-args.ts';
import { removeServerRecord, writeServerRecord, type DevServerInfo } from './server-record.ts';

export class PortTakenError extends Error {
  override readonly name = 'PortTakenError';
}

const SERVING_WITHIN_MS = 60_000;
const TAIL_BYTES = 2000;
/** The variables that the server inherits: no secrets, and no TEMPORAL_* that would configure it. */
const ENVIRONMENT = ['PATH', 'HOME', 'TMPDIR', 'LANG', 'TZ'];

/** Starts the server once, records it in `recordDir`, and waits until it serves. @throws Error with the end of its output */
export async function launchServer(
  cli: string,
  launch: DevServerLaunch,
  { recordDir, logFile }: { readonly logFile: string; readonly recordDir?: string },
  signal?: AbortSignal,
): Promise<DevServerInfo> {
  const log = await open(logFile, 'a', 0o600);
  const logStart = (await log.stat()).size;
  // Detached, so that Ctrl-C in the terminal does not reach the server. Its output goes to a file, because a pipe would break
  // when this process ends, and end the server.
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
  // Also when this process ends without stopping it: at the third Ctrl-C, or with an error.
  const endNow = () => void child.kill('SIGKILL');
  process.once('exit', endNow);
  child.once('exit', () => process.off('exit', endNow));
  const startMark = (await identify(pid))?.startMark ?? 'gone';
  const info = { address: `${IP}:${launch.port}`, uiUrl: `http://${IP}:${launch.uiPort}`, pid, startMark };
  let failure: string | undefined = 'could not be recorded';
  try {
    // Recorded before waiting, so that the next start finds the server even if this process is killed.
    if (recordDir !== undefined) await writeServerRecord(recordDir, info);
    failure = await waitServing(child, info, launch, signal);
    if (failure === undefined) return info;
  } finally {
    if (failure !== undefined) await endProcess(info, 0);
    if (failure !== undefined && recordDir !== undefined) await removeServerRecord(recordDir, info);
  }
  const tail = await readTail(logFile, logStart);
  const text = `the Temporal server ${failure}${tail ? ' and printed:\n' : ' and printed nothing'}${tail}`;
  throw tail.includes('address already in use') ? new PortTakenError(text) : new Error(text);
}

/** Returns why the server does not serve; undefined once it does. */
async function waitServing(
  child: ChildProcess,
  { address }: DevServerInfo,
  launch: DevServerLaunch,
  signal?: AbortSignal,
) {
  const attributes = Object.keys(launch.searchAttributes);
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null;
  const isSettled = async () => {
    signal?.throwIfAborted();
    return (await isServing(address, launch.namespace, attributes)) || hasEnded();
  };
  const settled = await waitUntil(isSettled, { withinMs: SERVING_WITHIN_MS, everyMs: 20 });
  // Checked first: another program's server may answer on the port.
  if (hasEnded()) return `ended (${child.signalCode ?? `exit ${child.exitCode}`})`;
  return settled ? undefined : `did not serve within ${SERVING_WITHIN_MS / 1000} s`;
}

/** Returns the last part of what was written after offset `start`. */
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
