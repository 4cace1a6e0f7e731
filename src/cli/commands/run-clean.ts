import type { ChandlerClient } from '../../client.ts';
import { inspectedHost } from '../../client/inspect.ts';
import { definedOnly } from '../../domain/defined-only.ts';
import { ChandlerError } from '../../domain/run/failure.ts';
import { addressOf } from '../../domain/run/ids.ts';
import { cleanWords } from '../../domain/run/leftovers.ts';
import type { Target } from '../../domain/plan/schema.ts';
import { print, type CliContext } from '../context.ts';
import { announceWaiting, copyable, type ServerOptions } from '../server/server-options.ts';
import { withClient } from '../server/with-client.ts';
import { CliError, explainError } from '../errors.ts';
import { exitCodes, type ExitCode } from '../exit-codes.ts';
import type { LeftoversOutput } from '../output/outputs.ts';
import { printJson } from '../output/print-json.ts';
import { renderCleaned, renderFound, toJson } from '../output/render-leftovers.ts';
import { reachTargets } from '../hosts/reach-targets.ts';
import type { SshConfigOptions } from '../hosts/ssh-config-option.ts';
import { parseTarget } from '../input/parse-target.ts';

export interface CleanOptions extends ServerOptions, SshConfigOptions {
  readonly target?: readonly string[];
  readonly end?: boolean;
  readonly run?: string;
  readonly json?: boolean;
}

export async function runClean(context: CliContext, where: string, options: CleanOptions): Promise<ExitCode> {
  const named = parseTarget([where, ...(options.target ?? [])]);
  if (options.run !== undefined && !options.end)
    throw new CliError(exitCodes.usage, '--run names the run whose work to end, so it needs --end');
  const [target = named] = await reachTargets([named], options, context);
  return withClient(options, context, (client) =>
    options.end ? end(context, client, target, options) : show(context, client, target, options),
  );
}

async function show(
  context: CliContext,
  client: ChandlerClient,
  target: Target,
  options: CleanOptions,
): Promise<ExitCode> {
  const onWaiting = announceWaiting(context, options);
  const host = inspectedHost(await client.inspect({ target }, { onWaiting }));
  const leftovers = host.leftovers.filter(({ atWork }) => !atWork);
  const atWork = host.holder?.kind === 'run' && host.holder.atWork ? host.holder.workflowId : undefined;
  const found: LeftoversOutput = definedOnly({
    host: addressOf(target),
    atWork,
    leftovers: leftovers.map(toJson),
    sessions: host.openSessions.map(({ session }) => session),
  });
  if (options.json) printJson(context.stdout, found);
  else {
    const command = copyable(context, options, ...cleanWords(target, '--end'));
    print(context, ...renderFound(found.host, leftovers, host.openSessions, atWork, command));
  }
  return leftovers.length === 0 ? exitCodes.provisioned : exitCodes.failed;
}

async function end(
  context: CliContext,
  client: ChandlerClient,
  target: Target,
  options: CleanOptions,
): Promise<ExitCode> {
  const result = await client
    .clean(definedOnly({ target, run: options.run }), { onWaiting: announceWaiting(context, options) })
    .catch((error: unknown): never => {
      if (!(error instanceof ChandlerError) || error.code !== 'lease-held') throw error;
      const { text, code } = explainError(error);
      throw new CliError(exitCodes.usage, text, { cause: error, code });
    });
  const host = addressOf(target);
  if (options.json) {
    printJson(context.stdout, {
      host,
      leftovers: result.ended.map((each) => ({ ...toJson(each), left: each.left })),
      sessions: result.open,
      closed: result.closed,
    });
  } else print(context, ...renderCleaned(host, result));
  const isClean = result.ended.every(({ left }) => left === 0) && result.open.length === 0;
  return isClean ? exitCodes.provisioned : exitCodes.failed;
}
