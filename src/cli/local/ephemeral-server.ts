import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { ChandlerClient } from '../../client.ts';
import type { DevServer } from '../../dev/temporal/index.ts';
import { isOpenStatus } from '../../domain/run/execution-status.ts';
import { ChandlerError } from '../../domain/run/failure.ts';
import { searchAttributes } from '../../domain/run/search-attributes.ts';
import { aborted, announceOn, type CliContext } from '../context.ts';
import { requireIdentities, type DevAllows } from './dev-places.ts';
import { startDevWorker } from './dev-worker.ts';

/**
 * Runs `work` in a context whose server is a Temporal server of its own, with a worker in this process. Afterwards it ends the
 * runs that are still open, because their server ends, and leaves nothing behind on this machine.
 */
export async function withEphemeralServer(
  context: CliContext,
  allows: DevAllows,
  work: (own: CliContext) => Promise<number>,
): Promise<number> {
  await requireIdentities(allows);
  const dir = await mkdtemp(join(tmpdir(), 'chandler-ephemeral-'));
  // Also at the third Ctrl-C, which ends the process.
  process.once('exit', () => rmSync(dir, { recursive: true, force: true }));
  let server: DevServer | undefined;
  const stopNow = () => void server?.stop({ graceMs: 0 });
  context.force.addEventListener('abort', stopNow);
  try {
    server = await startServer(context, dir);
    return await withWorker(context, { server, dir, allows }, work);
  } finally {
    context.force.removeEventListener('abort', stopNow);
    // Nothing of its data is needed any more.
    await server?.stop({ graceMs: 0 });
  }
}

async function startServer(context: CliContext, dir: string): Promise<DevServer> {
  const { defaultCacheDir, findTemporalCli, startDevServer } = await import('../../dev/temporal/index.ts');
  const { env, signal } = context;
  const announce = announceOn(context);
  const cli = await findTemporalCli({ env, cacheDir: defaultCacheDir(env), announce, signal });
  return startDevServer({
    cli: cli.path,
    logFile: join(dir, 'server.log'),
    searchAttributes,
    announce,
    signal,
  });
}

async function withWorker(
  context: CliContext,
  { server, dir, allows }: { readonly server: DevServer; readonly dir: string; readonly allows: DevAllows },
  work: (own: CliContext) => Promise<number>,
): Promise<number> {
  const { loadConfig } = await import('../../config/config.ts');
  const own = { ...context, env: serverEnv(context.env, server.address) };
  const config = loadConfig(own.env);
  const worker = await startDevWorker(context, { ...config, uiUrl: server.uiUrl }, server, dir, allows);
  try {
    const exitCode = await work(own);
    const ending = endOpenRuns(context, server.address, config.temporal.taskQueue);
    await Promise.race([ending, aborted(context.force)]);
    return exitCode;
  } finally {
    worker.stop();
    await Promise.race([worker.done, aborted(context.force)]);
  }
}

/** The environment without what selects another server. */
function serverEnv(env: CliContext['env'], address: string): CliContext['env'] {
  const kept = Object.entries(env).filter(([name]) => !name.startsWith('TEMPORAL_'));
  return { ...Object.fromEntries(kept), TEMPORAL_ADDRESS: address };
}

/** Aborts the runs that were left parked or interrupted, and waits until their steps are ended. */
async function endOpenRuns(context: CliContext, address: string, taskQueue: string): Promise<void> {
  const { connect } = await import('../../client.ts');
  const client = await connect({ address, taskQueue });
  try {
    // A run that has just started is not listed yet.
    if (context.signal.aborted) await delay(1000);
    const fleets = await endFleets(client);
    const runs = await client.list({ query: 'ExecutionStatus = "Running"' });
    const ending = [
      ...fleets.map((name) => client.fleets.result(name)),
      ...runs.map(({ id }) => endRun(client, id, announceOn(context))),
    ];
    await Promise.all(ending);
  } finally {
    await client.close();
  }
}

const REASON = 'the server ends with this command';

/**
 * Aborts the fleets, before the runs because a fleet would start the next ones. A fleet ends after the runs that it was about to
 * start, which are not listed yet.
 */
async function endFleets(client: ChandlerClient): Promise<string[]> {
  const open = (await client.fleets.list()).filter(({ status }) => isOpenStatus(status));
  for (const { name } of open)
    await client.fleets.act(name, 'abort', { running: 'end', reason: REASON }).catch(acceptRefusal);
  return open.map(({ name }) => name);
}

async function endRun(client: ChandlerClient, id: string, announce: (line: string) => void): Promise<void> {
  announce(`Ending ${id}, because its server ends with this command`);
  await client.abort(id, { reason: REASON }).catch(acceptRefusal);
  await client.result(id);
}

/** What was listed as open may be over, or its fleet may have aborted it. */
function acceptRefusal(error: unknown): void {
  if (!(error instanceof ChandlerError && error.code === 'invalid-input')) throw error;
}
