import { connect, type ChandlerClient, type Deployment, type Poller } from '../../client.ts';
import { readManifest } from '../../config/version.ts';
import { ChandlerError, reasonOf } from '../../domain/run/failure.ts';
import { verdictsOn, type Finding } from '../../domain/run/finding.ts';
import { oneLine } from '../../domain/text/plain-text.ts';
import { quote } from '../../shell/index.ts';
import type { InspectInput, Inspection } from '../../workflows/index.ts';
import type { CliContext } from '../context.ts';
import { copyable, type ServerOptions } from '../server/server-options.ts';
import { whyUnreachable, type Server } from '../server/locate-server.ts';
import { explainError } from '../errors.ts';
import { inTime } from '../server/observe-run.ts';
import { exitCodes } from '../exit-codes.ts';
import { codecEndpointFinding } from './codec-findings.ts';
import { clockFinding } from './sections.ts';
import {
  codecFinding,
  namespaceFinding,
  pausedRunsFinding,
  searchAttributeFindings,
} from './server-findings.ts';
import { pollersFinding, versioningFindings, versionFindings } from './worker-findings.ts';

/** A host, or a plan and its host; empty for an inspection of what every run needs. */
export type InspectSubject = Pick<InspectInput, 'target' | 'plan'>;

export interface InspectedServer {
  readonly findings: Finding[];
  readonly unreachable: boolean;
  readonly inspection?: Inspection;
}

/** Inspects the server, and through it a worker and a host. */
export async function inspectServer(
  context: CliContext,
  server: Server & { readonly origin: string },
  subject: InspectSubject,
  options: ServerOptions & { readonly fix?: boolean },
): Promise<InspectedServer> {
  const { ok, problem } = verdictsOn('server', `${server.address} (${server.origin})`);
  const codecEndpoint = await codecEndpointFinding(context.env, server.namespace);
  const others = codecEndpoint ? [codecEndpoint] : [];
  const silent = (reason: string): InspectedServer => ({
    findings: [
      problem(`no Temporal server answers: ${oneLine(reason)}`, `${context.program} dev`),
      ...others,
    ],
    unreachable: true,
  });
  const failure = await whyUnreachable(server.address);
  if (failure !== undefined) return silent(failure);
  let client: ChandlerClient;
  try {
    client = await connect(server);
  } catch (error) {
    return silent(
      error instanceof Error && error.cause instanceof Error ? error.cause.message : reasonOf(error),
    );
  }
  try {
    const version = await inTime(client, () => client.server.version());
    const asked = await askServer(context, client, server, subject, options);
    return { ...asked, findings: [ok(`Temporal ${version} answers`), ...asked.findings, ...others] };
  } catch (error) {
    const { text, exitCode } = explainError(error);
    if (exitCode === exitCodes.unreachable) return silent(text);
    return { findings: [problem(`answers, and refuses: ${oneLine(text)}`), ...others], unreachable: false };
  } finally {
    await client.close();
  }
}

async function askServer(
  context: CliContext,
  client: ChandlerClient,
  server: Server,
  subject: InspectSubject,
  options: ServerOptions & { readonly fix?: boolean },
): Promise<InspectedServer> {
  const cli = `temporal --address ${quote(server.address)} --namespace ${quote(server.namespace)}`;
  const namespace = await namespaceFinding(client, server.namespace, cli);
  if (namespace.verdict === 'problem') return { findings: [namespace], unreachable: false };
  const attributes = await orSkipped('search-attributes', () =>
    searchAttributeFindings(client, cli, options.fix === true),
  );
  const start = copyable(context, options, 'worker');
  const pollers = await orElse(() => inTime(client, () => client.server.pollers()), undefined);
  const polled = pollers
    ? pollersFinding(server.taskQueue, pollers, start)
    : verdictsOn('workers', `task queue ${oneLine(server.taskQueue)}`).ok(
        'the server does not report who polls it; a worker answers',
      );
  const versioning = pollers?.length
    ? await orSkipped('versioning', async () =>
        versioningFindings(pollers, await deploymentsOf(client, pollers), cli),
      )
    : [];
  const codec = await orSkipped('codec', async () => [await codecFinding(client, cli)]);
  const paused = await orSkipped('paused-runs', async () => [await pausedRunsFinding(client)]);
  const askedAtMs = context.now();
  const { inspection, workers } = await askWorker(client, polled, subject, start);
  const clock = verdictsOn('server-clock', "this machine's clock");
  return {
    findings: [
      namespace,
      ...attributes,
      workers,
      ...versionFindings(pollers ?? [], readManifest().version, start),
      ...versioning,
      ...codec,
      ...paused,
      ...(inspection ? [clockFinding(clock, askedAtMs - inspection.startedAtMs, "the server's")] : []),
    ],
    unreachable: false,
    ...(inspection && { inspection }),
  };
}

function deploymentsOf(client: ChandlerClient, pollers: readonly Poller[]): Promise<Deployment[]> {
  const names = [...new Set(pollers.flatMap(({ build }) => build?.deployment ?? []))];
  return Promise.all(names.map((name) => inTime(client, () => client.server.deployment(name))));
}

/** Asks a worker, because the server lists pollers for minutes after they are gone. */
async function askWorker(
  client: ChandlerClient,
  polled: Finding,
  subject: InspectSubject,
  start: string,
): Promise<{ inspection?: Inspection; workers: Finding }> {
  if (polled.verdict !== 'ok') return { workers: polled };
  try {
    return { inspection: await client.inspect({ ...subject, countExecs: true }), workers: polled };
  } catch (error) {
    const { text, exitCode } = explainError(error);
    if (exitCode === exitCodes.unreachable) throw error;
    const reason = error instanceof ChandlerError ? error.message : text;
    const message = `${polled.message}, as the server remembers; but ${oneLine(reason)}`;
    return { workers: { ...polled, verdict: 'problem', message, fix: start } };
  }
}

/** Reports a finding as skipped if the server refuses to answer, because that is no problem of Chandler. */
async function orSkipped(id: string, ask: () => Promise<Finding[]>): Promise<Finding[]> {
  let reason = '';
  const found = await orElse(ask, undefined, (text) => (reason = text));
  return found ?? [verdictsOn(id, 'the server').skipped(`not reported: ${reason}`)];
}

/** Asks the server; returns `otherwise` if the server answers, but refuses this request. */
async function orElse<T, E>(
  ask: () => Promise<T>,
  otherwise: E,
  because: (reason: string) => void = () => undefined,
): Promise<T | E> {
  try {
    return await ask();
  } catch (error) {
    const { text, exitCode } = explainError(error);
    if (exitCode === exitCodes.unreachable) throw error;
    because(oneLine(text));
    return otherwise;
  }
}
