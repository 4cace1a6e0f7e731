import { connect, type ChandlerClient } from '../../client.ts';
import { readManifest } from '../../config/version.ts';
import { ChandlerError, reasonOf } from '../../domain/failure.ts';
import type { Finding } from '../../domain/finding.ts';
import type { Target } from '../../domain/schema.ts';
import { oneLine } from '../../domain/terminal.ts';
import type { Inspection } from '../../workflows/index.ts';
import type { CliContext } from '../context.ts';
import { copyable, whyUnreachable, type Engine, type EngineOptions } from '../engine.ts';
import { explainError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import { askCodecEndpoint } from './codec.ts';
import { judgeClock } from './report.ts';
import { ServerQuestions } from './server.ts';
import { judgePollers, judgeVersioning, judgeVersions } from './workers.ts';

/** What was found about the server, and what a worker answered. */
export interface ServerExamined {
  readonly findings: Finding[];
  readonly unreachable: boolean;
  readonly inspection?: Inspection;
}

/** Looks at the server, and through a worker at that and at a host. */
export async function examineServer(
  context: CliContext,
  engine: Engine & { readonly origin: string },
  target: Target | undefined,
  options: EngineOptions & { readonly fix?: boolean },
): Promise<ServerExamined> {
  const about = { id: 'server', looked: `${engine.address} (${engine.origin})` };
  const mend = `${context.program} dev`;
  const codecEndpoint = await askCodecEndpoint(context.env, engine.namespace);
  const others = codecEndpoint ? [codecEndpoint] : [];
  const silent = (reason: string): ServerExamined => ({
    findings: [
      { ...about, verdict: 'problem', says: `no Temporal server answers: ${oneLine(reason)}`, mend },
      ...others,
    ],
    unreachable: true,
  });
  const failure = await whyUnreachable(engine.address);
  if (failure !== undefined) return silent(failure);
  let client: ChandlerClient;
  try {
    client = await connect(engine);
  } catch (error) {
    return silent(
      error instanceof Error && error.cause instanceof Error ? error.cause.message : reasonOf(error),
    );
  }
  try {
    const questions = new ServerQuestions(client, engine);
    const version = await questions.version();
    const server: Finding = { ...about, verdict: 'ok', says: `Temporal ${version} answers` };
    const asked = await askServer(context, client, questions, engine, target, options);
    return { ...asked, findings: [server, ...asked.findings, ...others] };
  } catch (error) {
    const { text, exitCode } = explainError(error);
    if (exitCode === exitCodes.unreachable) return silent(text);
    const says = `answers, and refuses: ${oneLine(text)}`;
    return { findings: [{ ...about, verdict: 'problem', says }, ...others], unreachable: false };
  } finally {
    await client.close();
  }
}

async function askServer(
  context: CliContext,
  client: ChandlerClient,
  questions: ServerQuestions,
  engine: Engine,
  target: Target | undefined,
  options: EngineOptions & { readonly fix?: boolean },
): Promise<ServerExamined> {
  const namespace = await questions.namespace();
  if (namespace.verdict === 'problem') return { findings: [namespace], unreachable: false };
  const attributes = await orSkipped('search-attributes', () => questions.attributes(options.fix === true));
  const start = copyable(context, options, 'worker');
  const pollers = await orElse(() => questions.pollers(), undefined);
  const polled: Finding = pollers
    ? judgePollers(engine.taskQueue, pollers, start)
    : {
        id: 'workers',
        looked: `task queue ${oneLine(engine.taskQueue)}`,
        verdict: 'ok',
        says: 'the server does not tell who polls it; a worker answers',
      };
  const versioning = pollers?.length
    ? await orSkipped('versioning', async () =>
        judgeVersioning(pollers, await questions.deployments(pollers), questions.cli),
      )
    : [];
  const codec = await orSkipped('codec', async () => [await questions.encodings()]);
  const askedAtMs = context.now();
  const { inspection, workers } = await askWorker(client, polled, target, start);
  const clock: Finding[] = inspection
    ? [
        judgeClock(
          { id: 'server-clock', looked: "this machine's clock" },
          askedAtMs - inspection.startedAtMs,
          "the server's",
        ),
      ]
    : [];
  return {
    findings: [
      namespace,
      ...attributes,
      workers,
      ...judgeVersions(pollers ?? [], readManifest().version, start),
      ...versioning,
      ...codec,
      ...clock,
    ],
    unreachable: false,
    ...(inspection && { inspection }),
  };
}

/** The server lists pollers for minutes after they are gone, so a worker is asked something. */
async function askWorker(
  client: ChandlerClient,
  polled: Finding,
  target: Target | undefined,
  start: string,
): Promise<{ inspection?: Inspection; workers: Finding }> {
  if (polled.verdict !== 'ok') return { workers: polled };
  try {
    return {
      inspection: await client.inspect({ ...(target && { target, trySessions: true }) }),
      workers: polled,
    };
  } catch (error) {
    const { text, exitCode } = explainError(error);
    if (exitCode === exitCodes.unreachable) throw error;
    const reason = error instanceof ChandlerError ? error.message : text;
    const says = `${polled.says}, as the server remembers; but ${oneLine(reason)}`;
    return { workers: { ...polled, verdict: 'problem', says, mend: start } };
  }
}

/** What a server does not tell is no problem of ours. */
async function orSkipped(id: string, ask: () => Promise<Finding[]>): Promise<Finding[]> {
  let reason = '';
  const found = await orElse(ask, undefined, (text) => (reason = text));
  return found ?? [{ id, looked: 'the server', verdict: 'skipped', says: `does not tell: ${reason}` }];
}

/** What a question comes to; `otherwise` if the server answers, but not this. */
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
