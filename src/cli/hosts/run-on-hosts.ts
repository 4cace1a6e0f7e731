import pMap from 'p-map';
import { reasonOf } from '../../domain/run/failure.ts';
import { count } from '../../domain/text/count.ts';
import { oneLine } from '../../domain/text/plain-text.ts';
import { announceOn, print, type CliContext } from '../context.ts';
import { explainError } from '../errors.ts';
import { exitCodes, worstOf, type ExitCode } from '../exit-codes.ts';
import type { HostOutcome } from '../output/outputs.ts';
import { jsonLine } from '../output/print-json.ts';
import { pad, widthOf } from '../output/text.ts';
import { DEFAULT_PARALLEL, type HostsOptions } from './hosts-options.ts';

/** What a command did on one host. */
export type Outcome = Omit<HostOutcome, 'name' | 'exitCode'> & {
  readonly exitCode: ExitCode;
  /** More lines for people, such as advice. */
  readonly details?: readonly string[];
};

const NOT_STARTED: Outcome = { exitCode: exitCodes.interrupted, message: 'not started: interrupted' };

/**
 * Works on several hosts, some at once, and prints a line for each as soon as it is done. A failure on one host does not stop the
 * others. `interrupted`: the outcome of hosts that Ctrl-C leaves out. Returns the worst exit code.
 */
export async function runOnHosts<T extends { readonly name: string }>(
  context: CliContext,
  { parallel = DEFAULT_PARALLEL, json = false }: HostsOptions & { readonly json?: boolean },
  hosts: readonly T[],
  work: (host: T, place: number) => Promise<Outcome>,
  interrupted: Outcome = NOT_STARTED,
): Promise<ExitCode> {
  const width = hosts.reduce((most, { name }) => Math.max(most, widthOf(oneLine(name))), 0);
  const announce = announceOn(context);
  let done = 0;
  const one = async (host: T, place: number): Promise<ExitCode> => {
    const { name } = host;
    const label = pad(oneLine(name), width);
    const { details = [], ...outcome } = context.signal.aborted
      ? interrupted
      : await work(host, place).catch(toOutcome);
    done += 1;
    if (json) context.stdout.write(jsonLine({ name, ...outcome }));
    else print(context, `${label}  ${oneLine(outcome.message)}`);
    for (const line of details) announce(`${label}  ${line}`);
    return outcome.exitCode;
  };
  announce(`${count(hosts.length, 'host')}, ${Math.min(parallel, hosts.length)} at once`);
  const codes = await pMap(hosts, one, { concurrency: parallel });
  const good = codes.filter((code) => code === exitCodes.provisioned).length;
  announce(`${good} of ${done} without a problem`);
  return worstOf(codes);
}

function toOutcome(error: unknown): Outcome {
  const { text, exitCode } = explainError(error);
  return { exitCode, message: text === '' ? reasonOf(error) : text };
}
