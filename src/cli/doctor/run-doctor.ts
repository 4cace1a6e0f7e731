import { print, type CliContext } from '../context.ts';
import { CliError } from '../errors.ts';
import { exitCodes, type ExitCode } from '../exit-codes.ts';
import type { PlanOptions } from '../input/plan-file.ts';
import { printJson } from '../output/print-json.ts';
import { renderFindings } from './render-findings.ts';
import { colored, plain } from '../output/paint.ts';
import { parseTarget } from '../input/parse-target.ts';
import type { InspectSubject } from './inspect-server.ts';
import { count } from '../../domain/text/count.ts';
import { loadHostPlans, refuseAddresses } from '../hosts/host-plans.ts';
import { hasHosts, type HostsOptions } from '../hosts/hosts-options.ts';
import { readHosts, type HostsChoice } from '../hosts/read-hosts.ts';
import { loadReachedPlan, reachTargets } from '../hosts/reach-targets.ts';
import { runOnHosts } from '../hosts/run-on-hosts.ts';
import type { SshConfigOptions } from '../hosts/ssh-config-option.ts';
import { isPlanName } from '../input/target-option.ts';
import type { FindingsOutput } from '../output/outputs.ts';
import { inspectAll, type InspectOptions } from './inspect-all.ts';
import { countFindings, toJson, type Section } from './sections.ts';

export interface DoctorOptions extends InspectOptions, PlanOptions, HostsOptions, SshConfigOptions {
  readonly json?: boolean;
}

export async function runDoctor(
  context: CliContext,
  where: string | undefined,
  options: DoctorOptions,
): Promise<number> {
  const subjects = hasHosts(options, { plan: where })
    ? await hostSubjects(context, where, options)
    : [{ name: '', subject: await readSubject(context, where, options) }];
  const [only] = subjects;
  if (!only || subjects.length > 1 || (options.hosts !== undefined && options.json))
    return doctorHosts(context, subjects, options);
  const { sections, unreachable } = await inspectAll(context, only.subject, options);
  if (options.json) printJson(context.stdout, toJson(sections));
  else print(context, ...renderFindings(sections, context.color ? colored : plain));
  return exitCodeOf(sections, unreachable);
}

interface HostSubject {
  readonly name: string;
  readonly subject: InspectSubject;
}

/** The hosts of an inventory, with a plan or without. @throws CliError usage */
async function hostSubjects(
  context: CliContext,
  where: string | undefined,
  options: DoctorOptions & HostsChoice,
): Promise<HostSubject[]> {
  if (where === undefined) {
    refuseValues(options);
    refuseAddresses(options.target);
    const { hosts } = await readHosts(options, context);
    const found = hosts.map(({ target }) => parseTarget(options.target ?? [], target));
    const targets = await reachTargets(found, options, context);
    return hosts.flatMap(({ name }, i) => {
      const target = targets[i];
      return target ? [{ name, subject: { target } }] : [];
    });
  }
  if (!isPlanName(where))
    throw new CliError(exitCodes.usage, `${where} is a host: it cannot be combined with --hosts`);
  const plans = await loadHostPlans(where, options, context);
  return plans.map(({ name, plan }) => ({ name, subject: { plan } }));
}

function doctorHosts(
  context: CliContext,
  subjects: readonly HostSubject[],
  options: DoctorOptions,
): Promise<ExitCode> {
  return runOnHosts(context, options, subjects, async ({ subject }) => {
    const { sections, unreachable } = await inspectAll(context, subject, options);
    const findings = toJson(sections);
    return { exitCode: exitCodeOf(sections, unreachable), message: summarize(findings), findings };
  });
}

/** `1 problem: host-reach: connection refused` */
function summarize({ problems, warnings, findings }: FindingsOutput): string {
  const worst = findings.find(({ verdict }) => verdict === (problems > 0 ? 'problem' : 'warning'));
  if (!worst) return 'all is well';
  const counts = [
    ...(problems > 0 ? [count(problems, 'problem')] : []),
    ...(warnings > 0 ? [count(warnings, 'warning')] : []),
  ];
  return `${counts.join(', ')}: ${worst.subject}: ${worst.message}`;
}

function refuseValues(options: PlanOptions): void {
  if (options.set ?? options.envFile)
    throw new CliError(exitCodes.usage, '--set and --env-file are for a plan: give its file, too');
}

/** Reads a plan, a host, or neither. @throws CliError usage */
async function readSubject(
  context: CliContext,
  where: string | undefined,
  options: PlanOptions & SshConfigOptions,
): Promise<InspectSubject> {
  if (where !== undefined && isPlanName(where))
    return { plan: await loadReachedPlan(where, options, context) };
  refuseValues(options);
  const words = [...(where === undefined ? [] : [where]), ...(options.target ?? [])];
  if (words.length === 0) return {};
  const [target] = await reachTargets([parseTarget(words)], options, context);
  return target ? { target } : {};
}

function exitCodeOf(sections: readonly Section[], unreachable: boolean): ExitCode {
  if (unreachable) return exitCodes.unreachable;
  return countFindings(sections).problems > 0 ? exitCodes.failed : exitCodes.provisioned;
}
