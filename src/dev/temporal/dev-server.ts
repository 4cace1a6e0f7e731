import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { launchServer, PortTakenError } from './launch-server.ts';
import { freePorts, isFree } from './free-ports.ts';
import { endProcess } from './process-identity.ts';
import { IP, type SearchAttributeType } from './server-args.ts';
import { findServerProcess, removeServerRecord, whileStarting, type DevServerInfo } from './server-record.ts';

export interface DevServerOptions {
  /** Path of the Temporal CLI. */
  readonly cli: string;
  /** Default: in memory. One server per directory. */
  readonly dbFile?: string | undefined;
  /** Default: a free port. */
  readonly port?: number | undefined;
  readonly uiPort?: number | undefined;
  readonly namespace?: string | undefined;
  readonly searchAttributes: Readonly<Record<string, SearchAttributeType>>;
  /** The file for the server's errors. Default: `server.log` beside the database. */
  readonly logFile?: string | undefined;
  readonly announce?: (line: string) => void;
  /** Ends a server that does not serve yet. */
  readonly signal?: AbortSignal;
}

export interface StopOptions {
  /** The time between TERM and KILL. Default 10 s (the server takes 2 to 4); 0 kills at once. */
  readonly graceMs?: number;
}

export interface DevServer extends DevServerInfo {
  /** Where its HTTP API answers, to requests with this Host header only, which no web page can send. */
  readonly http: { readonly url: string; readonly host: string };
  /** Returns when the process is gone. */
  stop(options?: StopOptions): Promise<void>;
}

interface Place {
  readonly dbFile?: string;
  /** The directory of the database and the record. */
  readonly recordDir?: string;
  readonly logFile: string;
  /** A directory to remove with the server. */
  readonly scratch?: string;
}

const GRACE_MS = 10_000;
const TRIES = 4;

/**
 * Starts a Temporal dev server and waits until it serves.
 *
 * @throws Error if a port or the database is in use, or it ends early; the reason of `signal` when that aborts first
 */
export async function startDevServer(options: DevServerOptions): Promise<DevServer> {
  const place = await preparePlace(options);
  const { recordDir } = place;
  try {
    if (recordDir === undefined) return await startOnFreePorts(options, place);
    return await whileStarting(recordDir, async () => {
      await refuseSecondServer(recordDir);
      return startOnFreePorts(options, place);
    });
  } catch (error) {
    if (place.scratch !== undefined) await rm(place.scratch, { recursive: true, force: true });
    throw error;
  }
}

async function preparePlace({ dbFile, logFile }: DevServerOptions): Promise<Place> {
  if (dbFile !== undefined) {
    const file = resolve(dbFile);
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    const dir = await realpath(dirname(file));
    return { dbFile: join(dir, basename(file)), recordDir: dir, logFile: logFile ?? join(dir, 'server.log') };
  }
  if (logFile !== undefined) return { logFile };
  const scratch = await mkdtemp(join(tmpdir(), 'chandler-temporal-'));
  return { logFile: join(scratch, 'server.log'), scratch };
}

async function refuseSecondServer(dir: string): Promise<void> {
  const other = await findServerProcess(dir);
  if (!other) return;
  const where = `process ${other.pid}, ${other.address}, UI ${other.uiUrl}`;
  throw new Error(
    `a dev server already runs on ${dir} (${where}); use it, or end it with: kill ${other.pid}`,
  );
}

/** Tries other ports if a program takes one before the server does. */
async function startOnFreePorts(options: DevServerOptions, place: Place): Promise<DevServer> {
  for (let left = TRIES - 1; ; left--) {
    await refuseTakenPorts([options.port, options.uiPort]);
    const [port = 0, uiPort = 0, metricsPort = 0, httpPort = 0] = await freePorts(4);
    const launch = {
      port: options.port ?? port,
      uiPort: options.uiPort ?? uiPort,
      metricsPort,
      httpPort,
      // A random name, which no web page can know.
      httpHost: `${randomUUID()}.invalid`,
      namespace: options.namespace ?? 'default',
      dbFile: place.dbFile,
      searchAttributes: options.searchAttributes,
    };
    try {
      const info = await launchServer(options.cli, launch, place, options.signal);
      const http = { url: `http://${IP}:${launch.httpPort}`, host: launch.httpHost };
      return { ...info, http, stop: stopper(info, place) };
    } catch (error) {
      if (!(error instanceof PortTakenError) || left === 0) throw error;
      options.announce?.('The Temporal server found a port in use; trying others');
    }
  }
}

async function refuseTakenPorts(ports: readonly (number | undefined)[]): Promise<void> {
  for (const port of ports)
    if (port !== undefined && !(await isFree(port)))
      throw new Error(`port ${port} of ${IP} is in use; give another, or none for a free one`);
}

function stopper(info: DevServerInfo, { recordDir, scratch }: Place): DevServer['stop'] {
  return async ({ graceMs = GRACE_MS } = {}) => {
    await endProcess(info, graceMs);
    if (recordDir !== undefined) await removeServerRecord(recordDir, info);
    if (scratch !== undefined) await rm(scratch, { recursive: true, force: true });
  };
}
