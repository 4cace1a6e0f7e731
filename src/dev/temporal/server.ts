import { mkdir, mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { launchServer, PortTakenError } from './launch-server.ts';
import { freePorts, isFree } from './ports.ts';
import { endProcess } from './process-identity.ts';
import { IP, type SearchAttributeType } from './server-args.ts';
import { findServerProcess, removeServerRecord, whileStarting, type DevServerInfo } from './server-record.ts';

export interface DevServerOptions {
  /** Path of the Temporal CLI. */
  readonly cli: string;
  /** Where the server keeps everything; without it a stop forgets all. One server per directory. */
  readonly dbFile?: string | undefined;
  /** Fixed ports; free ones otherwise. */
  readonly port?: number | undefined;
  readonly uiPort?: number | undefined;
  /** Default: `default`. */
  readonly namespace?: string | undefined;
  readonly searchAttributes: Readonly<Record<string, SearchAttributeType>>;
  /** Takes the server's output (errors only); default `server.log` beside the database. */
  readonly logFile?: string | undefined;
  readonly announce?: (line: string) => void;
}

export interface StopOptions {
  /** Time between TERM and KILL; default 10 s (the server takes 2 to 4), 0 kills at once. */
  readonly graceMs?: number;
}

export interface DevServer extends DevServerInfo {
  /** Ends the server and waits until its process is gone. */
  stop(options?: StopOptions): Promise<void>;
}

/** Where the files of a server are. */
interface Place {
  readonly dbFile: string | undefined;
  /** The directory of the database and of the record. */
  readonly recordDir: string | undefined;
  readonly logFile: string;
  /** Goes with the server. */
  readonly scratch: string | undefined;
}

const GRACE_MS = 10_000;
const TRIES = 4;

/**
 * Starts a Temporal dev server in its own process group and waits until it serves. Throws when it ends early, when a
 * given port is taken, or when a server lives on the same database already.
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
    const place = { dbFile: join(dir, basename(file)), recordDir: dir, scratch: undefined };
    return { ...place, logFile: logFile ?? join(dir, 'server.log') };
  }
  const scratch = logFile === undefined ? await mkdtemp(join(tmpdir(), 'chandler-temporal-')) : undefined;
  return { dbFile, recordDir: undefined, logFile: logFile ?? join(scratch ?? '', 'server.log'), scratch };
}

async function refuseSecondServer(dir: string): Promise<void> {
  const other = await findServerProcess(dir);
  if (!other) return;
  const where = `process ${other.pid}, ${other.address}, UI ${other.uiUrl}`;
  throw new Error(
    `a dev server already runs on ${dir} (${where}); use it, or end it with: kill ${other.pid}`,
  );
}

/** Between the choice of a free port and the server's use of it another program may take it: then try others. */
async function startOnFreePorts(options: DevServerOptions, place: Place): Promise<DevServer> {
  for (let left = TRIES - 1; ; left--) {
    await refuseTakenPorts([options.port, options.uiPort]);
    const [port = 0, uiPort = 0, metricsPort = 0, httpPort = 0] = await freePorts(4);
    const launch = {
      port: options.port ?? port,
      uiPort: options.uiPort ?? uiPort,
      metricsPort,
      httpPort,
      namespace: options.namespace ?? 'default',
      dbFile: place.dbFile,
      searchAttributes: options.searchAttributes,
    };
    try {
      return withStop(await launchServer(options.cli, launch, place), place);
    } catch (error) {
      if (!(error instanceof PortTakenError) || left === 0) throw error;
      options.announce?.('The Temporal server found a port taken in between; trying others');
    }
  }
}

async function refuseTakenPorts(ports: readonly (number | undefined)[]): Promise<void> {
  for (const port of ports)
    if (port !== undefined && !(await isFree(port)))
      throw new Error(`port ${port} of ${IP} is in use; give another, or none for a free one`);
}

function withStop(info: DevServerInfo, { recordDir, scratch }: Place): DevServer {
  return {
    ...info,
    async stop({ graceMs = GRACE_MS } = {}) {
      await endProcess(info, graceMs);
      if (recordDir !== undefined) await removeServerRecord(recordDir, info);
      if (scratch !== undefined) await rm(scratch, { recursive: true, force: true });
    },
  };
}
